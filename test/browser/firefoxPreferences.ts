// What a fresh Firefox must be told to be a quiet participant: the profile's user.js.

type Preference = string | number | boolean;

const media: Readonly<Record<string, Preference>> = {
  'media.navigator.streams.fake': true,
  // Without asking. Only a page that may use devices gathers more addresses than that of the way out (RFC 8828, modes 1 and 2), and fake
  // devices in use do not count: without this no candidate is on loopback, whatever the preference below says.
  'permissions.default.camera': 1,
  'permissions.default.microphone': 1,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  // Candidates on 127.0.0.1, and under their addresses, not names that only mDNS resolves.
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  // It would download codecs.
  'media.gmp-manager.updateEnabled': false,
  'media.gmp-provider.enabled': false,
};

const quiet: Readonly<Record<string, Preference>> = {
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.discovery.enabled': false,
  'browser.newtabpage.enabled': false,
  'browser.region.network.url': '',
  'browser.region.update.enabled': false,
  'browser.safebrowsing.blockedURIs.enabled': false,
  'browser.safebrowsing.downloads.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'browser.search.update': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage': 'about:blank',
  'browser.startup.homepage_override.mstone': 'ignore',
  'browser.startup.page': 0,
  'browser.topsites.contile.enabled': false,
  // A JSON document is one, as elsewhere, and not an application of the browser's own.
  'devtools.jsonview.enabled': false,
  'datareporting.healthreport.uploadEnabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'datareporting.usage.uploadEnabled': false,
  'dom.push.connection.enabled': false,
  'extensions.getAddons.cache.enabled': false,
  'extensions.systemAddon.update.enabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.dns.disablePrefetch': true,
  'network.http.speculative-parallel-limit': 0,
  'network.prefetch-next': false,
  'network.trr.mode': 5,
  // No server: its lists of certificates, search engines and so on stay those that came with the package.
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.server': 'data:,',
  'toolkit.telemetry.unified': false,
};

/** All but loopback goes to the proxy, which WebRTC is not to use. */
const proxied = (port: number): Readonly<Record<string, Preference>> => ({
  'network.proxy.type': 1,
  'network.proxy.http': '127.0.0.1',
  'network.proxy.http_port': port,
  'network.proxy.ssl': '127.0.0.1',
  'network.proxy.ssl_port': port,
  'network.proxy.no_proxies_on': 'localhost, 127.0.0.1, ::1',
  'network.proxy.failover_direct': false,
});

export const preferencesFile = (proxyPort: number): string =>
  Object.entries({ ...media, ...quiet, ...proxied(proxyPort) })
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    .join('');
