"""TLS for client connections and replication links: OpenSSL's libssl, called from the data path.

`TlsContext` is a set of certificates and rules (SSL_CTX), made anew when options change; connections keep the one they began with. `TlsWire` is one
connection's TLS (SSL): the handshake, then what `Connection` and replication/channel call to receive and transmit.

libssl reads and writes the socket itself. Python's ssl.SSLObject with memory buffers takes 2.3 us an operation before any system call (200,000 SETs of 30
bytes, OpenSSL 3.0), about as much as the engine needs for all the rest of one.
Words of errors are Redis' (tls.c of 7.0). Admin and metrics ports are not on the data path and use Python's ssl module (security/service_ports).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport errno
from libc.string cimport memcpy, strerror

from scrubjay_engine.core.wire cimport Wire
from scrubjay_engine.security.openssl cimport *

cdef enum:
    LONGEST = 1 << 30       # of one SSL_read or SSL_write

cdef dict PROTOCOLS = {
    "tlsv1": SSL_OP_NO_TLSv1,
    "tlsv1.1": SSL_OP_NO_TLSv1_1,
    "tlsv1.2": SSL_OP_NO_TLSv1_2,
    "tlsv1.3": SSL_OP_NO_TLSv1_3,
}


class TlsError(Exception):
    """A context that cannot be made; the message names the option or the file and gives OpenSSL's reason."""


class HandshakeError(Exception):
    """A peer that was refused, or that refused us. `reason` is a word for the metric."""

    def __init__(self, str reason, str text):
        super().__init__(text)
        self.reason = reason


cdef str openssl_error():
    cdef char text[256]
    cdef unsigned long code = ERR_peek_last_error()     # the others are what led to it
    if code == 0:
        return "no reason given"
    ERR_error_string_n(code, text, sizeof(text))
    ERR_clear_error()
    return (<bytes>text).decode(errors="replace")


cdef int give_password(char* into, int size, int writing, void* given) noexcept nogil:
    """OpenSSL asks for a key file's pass phrase; without one it would ask the terminal."""
    cdef const char* text = <const char*>given
    cdef int length = 0
    if text == NULL:
        return 0
    while length < size and text[length]:
        into[length] = text[length]
        length += 1
    return length


cdef class TlsContext:
    """Certificates and rules. `verify` is "no", "optional" or "yes": what is asked of the peer's certificate."""
    cdef SSL_CTX* ctx
    cdef readonly bint client

    def __cinit__(self):
        self.ctx = NULL

    def __dealloc__(self):
        if self.ctx != NULL:
            SSL_CTX_free(self.ctx)

    def __init__(self, *, bint client, str verify, str cert, str key, str key_password="", str ca_file="", str ca_folder=""):
        ERR_clear_error()
        self.client = client
        self.ctx = SSL_CTX_new(TLS_method())
        if self.ctx == NULL:
            raise TlsError(f"Failed to create a TLS context: {openssl_error()}")
        SSL_CTX_set_options(self.ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_SINGLE_DH_USE | SSL_OP_NO_SSLv3)
        SSL_CTX_set_mode(self.ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS)
        SSL_CTX_set_read_ahead(self.ctx, 1)     # a record in one system call instead of two
        SSL_CTX_set_dh_auto(self.ctx, 1)
        SSL_CTX_set_verify(self.ctx, {
            "no": SSL_VERIFY_NONE,
            "optional": SSL_VERIFY_PEER,
            "yes": SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
        }[verify], NULL)
        self.load(cert, key, key_password)
        if (ca_file or ca_folder) and not self.load_authorities(ca_file, ca_folder):
            raise TlsError(f"Failed to configure CA certificate(s) file/directory: {openssl_error()}")

    cdef int load(self, str cert, str key, str key_password) except -1:
        cdef bytes secret = key_password.encode(errors="surrogateescape")
        cdef bytes file
        SSL_CTX_set_default_passwd_cb(self.ctx, give_password)
        SSL_CTX_set_default_passwd_cb_userdata(self.ctx, <void*>PyBytes_AS_STRING(secret) if secret else NULL)
        try:
            file = cert.encode(errors="surrogateescape")
            if SSL_CTX_use_certificate_chain_file(self.ctx, file) <= 0:
                raise TlsError(f"Failed to load certificate: {cert}: {openssl_error()}")
            file = key.encode(errors="surrogateescape")
            if SSL_CTX_use_PrivateKey_file(self.ctx, file, SSL_FILETYPE_PEM) <= 0:
                raise TlsError(f"Failed to load private key: {key}: {openssl_error()}")
            if SSL_CTX_check_private_key(self.ctx) <= 0:
                raise TlsError(f"Failed to load private key: {key}: {openssl_error()}")
        finally:
            SSL_CTX_set_default_passwd_cb_userdata(self.ctx, NULL)
        return 0

    cdef bint load_authorities(self, str ca_file, str ca_folder):
        cdef bytes file = ca_file.encode(errors="surrogateescape")
        cdef bytes folder = ca_folder.encode(errors="surrogateescape")
        return SSL_CTX_load_verify_locations(
            self.ctx,
            PyBytes_AS_STRING(file) if file else NULL,
            PyBytes_AS_STRING(folder) if folder else NULL,
        ) > 0

    def restrict(self, *, str protocols="", str ciphers="", str ciphersuites="", bint prefer_ours=False, str dh_file="") -> None:
        """`tls-protocols` (default: TLS 1.2 and 1.3), `tls-ciphers`, `tls-ciphersuites`. Raises TlsError."""
        cdef set wanted = set(protocols.lower().split()) or {"tlsv1.2", "tlsv1.3"}
        cdef unsigned long off = 0
        if not wanted <= set(PROTOCOLS):
            raise TlsError(f"Invalid tls-protocols specified: {protocols}")
        for name, option in PROTOCOLS.items():
            if name not in wanted:
                off |= option
        if not wanted & {"tlsv1.2", "tlsv1.3"}:
            SSL_CTX_set_security_level(self.ctx, 0)     # OpenSSL 3 has no signature that 1.0 and 1.1 may use above it
        SSL_CTX_set_options(self.ctx, off)
        if ciphers and not SSL_CTX_set_cipher_list(self.ctx, ciphers.encode()):
            raise TlsError(f"Failed to configure ciphers: {ciphers}")
        if ciphersuites and not SSL_CTX_set_ciphersuites(self.ctx, ciphersuites.encode()):
            raise TlsError(f"Failed to configure ciphersuites: {ciphersuites}")
        if prefer_ours:
            SSL_CTX_set_options(self.ctx, SSL_OP_CIPHER_SERVER_PREFERENCE)
        if dh_file:
            self.load_dh(dh_file)

    cdef int load_dh(self, str name) except -1:
        cdef bytes file = name.encode(errors="surrogateescape")
        cdef BIO* bio = BIO_new_file(file, "r")
        cdef EVP_PKEY* key
        if bio == NULL:
            raise TlsError(f"Failed to load DH params file: {name}: {openssl_error()}")
        key = PEM_read_bio_Parameters(bio, NULL)
        BIO_free(bio)
        if key == NULL or SSL_CTX_set0_tmp_dh_pkey(self.ctx, key) <= 0:
            if key != NULL:
                EVP_PKEY_free(key)
            raise TlsError(f"Failed to load DH params file: {name}: {openssl_error()}")
        return 0

    def remember_sessions(self, bint yes, long most, long seconds) -> None:
        """Session resumption: tickets, and a cache for TLS 1.2 clients that use none."""
        SSL_CTX_set_session_id_context(self.ctx, b"scrubjay", 8)
        if yes:
            SSL_CTX_set_session_cache_mode(self.ctx, SSL_SESS_CACHE_SERVER)
            SSL_CTX_sess_set_cache_size(self.ctx, most)
            SSL_CTX_set_timeout(self.ctx, seconds)
            SSL_CTX_set_num_tickets(self.ctx, 1)    # OpenSSL's two cost a second encryption; one is renewed at each use
        else:
            SSL_CTX_set_session_cache_mode(self.ctx, SSL_SESS_CACHE_OFF)
            SSL_CTX_set_options(self.ctx, SSL_OP_NO_TICKET)
            SSL_CTX_set_num_tickets(self.ctx, 0)


cdef class TlsWire(Wire):
    """One connection's TLS over a non-blocking socket. Who makes it keeps the socket open as long."""
    cdef SSL* ssl
    cdef readonly bint established
    cdef readonly bint wants_write          # the handshake, or a read, waits until the socket takes more

    def __cinit__(self):
        self.ssl = NULL

    def __dealloc__(self):
        if self.ssl != NULL:
            SSL_free(self.ssl)

    def __init__(self, TlsContext context, int fd):
        ERR_clear_error()
        self.ssl = SSL_new(context.ctx)
        if self.ssl == NULL or SSL_set_fd(self.ssl, fd) <= 0:
            raise TlsError(f"Failed to begin TLS: {openssl_error()}")
        if context.client:
            SSL_set_connect_state(self.ssl)
        else:
            SSL_set_accept_state(self.ssl)

    def handshake(self) -> bool:
        """Goes on with the handshake: True when it is done, False to call again (`wants_write` says for what). Raises HandshakeError."""
        cdef int result, kind
        ERR_clear_error()
        result = SSL_do_handshake(self.ssl)
        self.wants_write = False
        if result == 1:
            self.established = True
            self.more = SSL_has_pending(self.ssl)
            return True
        kind = SSL_get_error(self.ssl, result)
        if kind == SSL_ERROR_WANT_READ or kind == SSL_ERROR_WANT_WRITE:
            self.wants_write = kind == SSL_ERROR_WANT_WRITE
            return False
        raise self.refused(kind)

    cdef object refused(self, int kind):
        cdef unsigned long code = ERR_peek_last_error()
        cdef int why = ERR_GET_REASON(code) if code else 0
        cdef long verdict = SSL_get_verify_result(self.ssl)
        if kind == SSL_ERROR_SYSCALL and code == 0:
            return HandshakeError("closed", "the peer closed the connection" if errno == 0 else strerror(errno).decode())
        text = openssl_error()
        if verdict != X509_V_OK:
            said = X509_verify_cert_error_string(verdict).decode()
            return HandshakeError("expired" if verdict == X509_V_ERR_CERT_HAS_EXPIRED else "untrusted", f"{text} ({said})")
        return HandshakeError(REASONS.get(why, "other"), text)

    cdef ssize_t receive(self, char* into, size_t room) except -3:
        cdef size_t total = 0
        cdef int got
        self.more = False
        while True:
            ERR_clear_error()
            got = SSL_read(self.ssl, into + total, <int>min(room - total, <size_t>LONGEST))
            if got <= 0:
                if total:
                    # An end or an error right behind the data: it is told by the next call, for which nobody else will ask.
                    self.more = SSL_get_error(self.ssl, got) != SSL_ERROR_WANT_READ
                    return total
                return self.nothing_read(got)
            total += got
            if not SSL_has_pending(self.ssl):
                return total
            if total == room:
                self.more = True
                return total

    cdef ssize_t nothing_read(self, int got) except -3:
        cdef int kind = SSL_get_error(self.ssl, got)
        self.wants_write = kind == SSL_ERROR_WANT_WRITE
        if kind == SSL_ERROR_WANT_READ or kind == SSL_ERROR_WANT_WRITE:
            return -1
        if kind == SSL_ERROR_ZERO_RETURN:
            return 0
        self.established = False        # no word of farewell is possible after an error
        return -2

    cdef ssize_t transmit(self, const char* data, size_t size) except -3:
        cdef size_t total = 0
        cdef int sent, kind
        while total < size:
            ERR_clear_error()
            sent = SSL_write(self.ssl, data + total, <int>min(size - total, <size_t>LONGEST))
            if sent <= 0:
                if total:
                    return total
                kind = SSL_get_error(self.ssl, sent)
                if kind == SSL_ERROR_WANT_READ or kind == SSL_ERROR_WANT_WRITE:
                    return -1
                self.established = False
                return -2
            total += sent
        return total

    cpdef void end(self):
        if self.ssl != NULL and self.established:
            self.established = False
            ERR_clear_error()
            SSL_shutdown(self.ssl)      # says so to the peer, and does not wait for its answer
            ERR_clear_error()

    # -- for code that is not a Connection (a replica's handshake with its primary) -------------------------------------

    def read(self, size_t size) -> bytes | None:
        """Up to so many bytes; b"" at the end, None when there is nothing yet. Raises ConnectionError."""
        cdef bytes into = PyBytes_FromStringAndSize(NULL, size)
        cdef ssize_t got = self.receive(PyBytes_AS_STRING(into), size)
        if got == -2:
            raise ConnectionResetError("the TLS connection broke")
        return None if got == -1 else into[:got]

    def write(self, bytes data) -> int:
        """How many bytes were taken. Raises ConnectionError."""
        cdef ssize_t sent = self.transmit(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        if sent == -2:
            raise ConnectionResetError("the TLS connection broke")
        return max(sent, 0)

    # -- who is at the other end -----------------------------------------------------------------------------------------

    @property
    def resumed(self) -> bool:
        """Whether an earlier session was taken up."""
        return bool(SSL_session_reused(self.ssl))

    @property
    def version(self) -> str:
        """TLSv1.2 or TLSv1.3."""
        return SSL_get_version(self.ssl).decode()

    def peer_names(self) -> tuple[str | None, list[str]]:
        """The common name and the alternative names (DNS, URI, mail) of the peer's certificate, which has been verified; (None, []) without one."""
        cdef X509* certificate = SSL_get1_peer_certificate(self.ssl)
        cdef char text[257]
        cdef int size
        if certificate == NULL:
            return None, []
        try:
            size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof(text))
            common = PyBytes_FromStringAndSize(text, size).decode(errors="replace") if size > 0 else None
            return common, alternative_names(certificate)
        finally:
            X509_free(certificate)


cdef list alternative_names(X509* certificate):
    cdef GENERAL_NAMES* names = <GENERAL_NAMES*>X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL)
    cdef list found = []
    cdef int i, kind = 0
    cdef void* value
    if names == NULL:
        return found
    for i in range(sk_GENERAL_NAME_num(names)):
        value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind)
        if kind == GEN_DNS or kind == GEN_URI or kind == GEN_EMAIL:
            found.append(PyBytes_FromStringAndSize(
                <const char*>ASN1_STRING_get0_data(<ASN1_STRING*>value), ASN1_STRING_length(<ASN1_STRING*>value)
            ).decode(errors="replace"))
    GENERAL_NAMES_free(names)
    return found


REASONS = {
    SSL_R_UNSUPPORTED_PROTOCOL: "protocol",
    SSL_R_VERSION_TOO_LOW: "protocol",
    SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: "protocol",
    SSL_R_NO_PROTOCOLS_AVAILABLE: "protocol",
    SSL_R_WRONG_VERSION_NUMBER: "protocol",
    SSL_R_HTTP_REQUEST: "plaintext",
    SSL_R_NO_SHARED_CIPHER: "cipher",
    SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: "no_certificate",
    SSL_R_TLSV1_ALERT_UNKNOWN_CA: "peer_refused",
    SSL_R_SSLV3_ALERT_BAD_CERTIFICATE: "peer_refused",
    SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED: "peer_refused",
    SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "peer_refused",
    SSL_R_TLSV1_ALERT_DECRYPT_ERROR: "peer_refused",
}
