#pragma once
// Included before DtlsTransport.cpp only.
//
// OpenSSL calls a BIO's callback before and after each operation; after it (BIO_CB_RETURN) the callback's answer *replaces* the
// operation's result. mediasoup's callback answers 1 after every operation but plain BIO_CB_RETURN, so also after a control query. An
// OpenSSL built with kernel TLS (Debian's) asks "does this BIO do kernel TLS for sending?", hears 1 from a memory BIO, frees its write
// buffer, and the worker crashes on the first ServerHello. Here the real result is passed on.

#include <openssl/bio.h>

template<BIO_callback_fn_ex Callback>
long bioCallbackKeepingResult(
  BIO* bio, int operation, const char* argp, size_t len, int argi, long argl, int result, size_t* processed)
{
	const long answer = Callback(bio, operation, argp, len, argi, argl, result, processed);

	return (operation & BIO_CB_RETURN) != 0 ? static_cast<long>(result) : answer;
}

#define BIO_set_callback_ex(bio, callback) (BIO_set_callback_ex)(bio, bioCallbackKeepingResult<callback>)
