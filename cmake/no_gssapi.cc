// Debian's libssh can log in by Kerberos, and as an archive it wants those functions and with them the
// machine's libraries. The terminal never tries that way to log in, so that nothing of this is ever called;
// a build with libssh as a shared library leaves this file out.
namespace {

/// GSS_S_UNAVAILABLE (RFC 2744 3.9.1).
constexpr unsigned kUnavailable = 16u << 16;

}  // namespace

extern "C" {

extern const void* const GSS_C_NT_HOSTBASED_SERVICE;
extern const void* const GSS_C_NT_USER_NAME;
const void* const GSS_C_NT_HOSTBASED_SERVICE = nullptr;
const void* const GSS_C_NT_USER_NAME = nullptr;

// The parameters are the callee's to read, and these read none.
#define CFPIPE_NO_GSSAPI(name) \
  unsigned name();             \
  unsigned name() {            \
    return kUnavailable;       \
  }

CFPIPE_NO_GSSAPI(gss_accept_sec_context)
CFPIPE_NO_GSSAPI(gss_acquire_cred)
CFPIPE_NO_GSSAPI(gss_add_oid_set_member)
CFPIPE_NO_GSSAPI(gss_create_empty_oid_set)
CFPIPE_NO_GSSAPI(gss_delete_sec_context)
CFPIPE_NO_GSSAPI(gss_display_name)
CFPIPE_NO_GSSAPI(gss_display_status)
CFPIPE_NO_GSSAPI(gss_get_mic)
CFPIPE_NO_GSSAPI(gss_import_name)
CFPIPE_NO_GSSAPI(gss_indicate_mechs)
CFPIPE_NO_GSSAPI(gss_init_sec_context)
CFPIPE_NO_GSSAPI(gss_inquire_cred)
CFPIPE_NO_GSSAPI(gss_inquire_cred_by_mech)
CFPIPE_NO_GSSAPI(gss_release_buffer)
CFPIPE_NO_GSSAPI(gss_release_cred)
CFPIPE_NO_GSSAPI(gss_release_name)
CFPIPE_NO_GSSAPI(gss_release_oid)
CFPIPE_NO_GSSAPI(gss_release_oid_set)
CFPIPE_NO_GSSAPI(gss_test_oid_set_member)
CFPIPE_NO_GSSAPI(gss_verify_mic)
}
