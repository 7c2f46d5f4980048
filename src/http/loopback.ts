// Which addresses and names never leave the machine.

import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Of a socket: ::ffff:127.0.0.1 is 127.0.0.1. */
export const isLoopbackAddress = (address: string | undefined): boolean => {
  const family = address === undefined ? 0 : isIP(address);
  return address !== undefined && family !== 0 && loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
};

/** Of a setting or a URL, where IPv6 addresses stand in brackets. Only the one name that RFC 6761 §6.3 keeps from the DNS. */
export const isLoopbackHost = (host: string): boolean =>
  host.toLowerCase() === 'localhost' || isLoopbackAddress(host.replace(/^\[(.*)\]$/, '$1'));
