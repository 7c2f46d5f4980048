#pragma once
// The part of libsrtp 3's interface that mediasoup calls, on libsrtp 2 (which is what distributions carry).
//
// Two things differ. In version 3 a policy is an opaque object with setters and owns its key; in version 2 it is a struct that points
// to a key. And version 3 protects from one buffer into another whose capacity it checks; version 2 works in place and trusts the
// caller to have left SRTP_MAX_TRAILER_LEN bytes.

#include <srtp2/srtp.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

struct SrtpPolicyWithKey
{
	srtp_policy_t policy;
	unsigned char key[SRTP_MAX_KEY_LEN]; // Master key followed by master salt.
};

// Codes that only version 3 has; mediasoup names them in its table of messages. Beyond the last code of version 2 (27).
inline constexpr auto srtp_err_status_cryptex_err  = static_cast<srtp_err_status_t>(28);
inline constexpr auto srtp_err_status_buffer_small = static_cast<srtp_err_status_t>(29);

inline srtp_err_status_t srtp_policy_create(SrtpPolicyWithKey** out)
{
	*out = new (std::nothrow) SrtpPolicyWithKey{};

	return *out != nullptr ? srtp_err_status_ok : srtp_err_status_alloc_fail;
}

inline void srtp_policy_destroy(SrtpPolicyWithKey* self)
{
	if (self == nullptr)
	{
		return;
	}

	// `volatile`, or the compiler drops stores to memory that is about to be freed.
	volatile unsigned char* key = self->key;

	for (size_t i{ 0 }; i < sizeof(self->key); ++i)
	{
		key[i] = 0;
	}

	delete self;
}

inline srtp_err_status_t srtp_policy_set_ssrc(SrtpPolicyWithKey* self, srtp_ssrc_t ssrc)
{
	self->policy.ssrc = ssrc;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_profile(SrtpPolicyWithKey* self, srtp_profile_t profile)
{
	const auto err = srtp_crypto_policy_set_from_profile_for_rtp(&self->policy.rtp, profile);

	return err != srtp_err_status_ok
	         ? err
	         : srtp_crypto_policy_set_from_profile_for_rtcp(&self->policy.rtcp, profile);
}

// No MKI: mediasoup passes none.
inline srtp_err_status_t srtp_policy_add_key(
  SrtpPolicyWithKey* self,
  const uint8_t* key,
  size_t keyLen,
  const uint8_t* salt,
  size_t saltLen,
  const uint8_t* /*mki*/,
  size_t mkiLen)
{
	if (mkiLen != 0 || keyLen > sizeof(self->key) || saltLen > sizeof(self->key) - keyLen)
	{
		return srtp_err_status_bad_param;
	}

	std::memcpy(self->key, key, keyLen);
	std::memcpy(self->key + keyLen, salt, saltLen);
	self->policy.key = self->key;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_allow_repeat_tx(SrtpPolicyWithKey* self, bool allow)
{
	self->policy.allow_repeat_tx = allow ? 1 : 0;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_window_size(SrtpPolicyWithKey* self, size_t size)
{
	self->policy.window_size = size;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_create(srtp_t* session, SrtpPolicyWithKey* self)
{
	return ::srtp_create(session, &self->policy);
}

inline srtp_err_status_t srtp_stream_remove(srtp_t session, uint32_t ssrc)
{
	return ::srtp_remove_stream(session, ssrc);
}

// Runs an in-place operation of version 2 on a copy in `out`. `outLen`: in, the capacity of `out`; out, the length of the result.
// `growth`: how many bytes the operation may append.
template<srtp_err_status_t (*Operation)(srtp_t, void*, int*)>
inline srtp_err_status_t srtpInto(
  srtp_t session, const uint8_t* in, size_t inLen, uint8_t* out, size_t* outLen, size_t growth)
{
	if (inLen > *outLen || growth > *outLen - inLen)
	{
		return srtp_err_status_buffer_small;
	}

	if (out != in)
	{
		std::memcpy(out, in, inLen);
	}

	int length     = static_cast<int>(inLen);
	const auto err = Operation(session, out, &length);

	*outLen = err == srtp_err_status_ok ? static_cast<size_t>(length) : 0;

	return err;
}

inline srtp_err_status_t srtp_protect(
  srtp_t session, const uint8_t* rtp, size_t rtpLen, uint8_t* srtp, size_t* srtpLen, size_t /*mkiIndex*/)
{
	return srtpInto<::srtp_protect>(session, rtp, rtpLen, srtp, srtpLen, SRTP_MAX_TRAILER_LEN);
}

inline srtp_err_status_t srtp_unprotect(
  srtp_t session, const uint8_t* srtp, size_t srtpLen, uint8_t* rtp, size_t* rtpLen)
{
	return srtpInto<::srtp_unprotect>(session, srtp, srtpLen, rtp, rtpLen, 0);
}

// SRTCP also appends its index, a word of 4 bytes. (mediasoup's own check before the call forgets it.)
inline srtp_err_status_t srtp_protect_rtcp(
  srtp_t session, const uint8_t* rtcp, size_t rtcpLen, uint8_t* srtcp, size_t* srtcpLen, size_t /*mkiIndex*/)
{
	return srtpInto<::srtp_protect_rtcp>(session, rtcp, rtcpLen, srtcp, srtcpLen, SRTP_MAX_TRAILER_LEN + 4);
}

inline srtp_err_status_t srtp_unprotect_rtcp(
  srtp_t session, const uint8_t* srtcp, size_t srtcpLen, uint8_t* rtcp, size_t* rtcpLen)
{
	return srtpInto<::srtp_unprotect_rtcp>(session, srtcp, srtcpLen, rtcp, rtcpLen, 0);
}

// From here on mediasoup's `srtp_policy_t` is version 3's handle.
#define srtp_policy_t SrtpPolicyWithKey*
