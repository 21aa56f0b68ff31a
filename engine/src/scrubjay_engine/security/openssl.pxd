# OpenSSL 3's libssl, as far as security/tls.pyx uses it (https://docs.openssl.org/3.0/man3/).

cdef extern from "openssl/err.h" nogil:
    void ERR_clear_error()
    unsigned long ERR_peek_last_error()
    void ERR_error_string_n(unsigned long code, char* text, size_t size)
    int ERR_GET_REASON(unsigned long code)

cdef extern from "openssl/bio.h" nogil:
    ctypedef struct BIO
    BIO* BIO_new_file(const char* name, const char* mode)
    int BIO_free(BIO* bio)

cdef extern from "openssl/evp.h" nogil:
    ctypedef struct EVP_PKEY
    void EVP_PKEY_free(EVP_PKEY* key)

cdef extern from "openssl/pem.h" nogil:
    EVP_PKEY* PEM_read_bio_Parameters(BIO* bio, EVP_PKEY** key)

cdef extern from "openssl/x509v3.h" nogil:
    ctypedef struct X509
    ctypedef struct X509_NAME
    ctypedef struct ASN1_STRING
    ctypedef struct GENERAL_NAMES
    ctypedef struct GENERAL_NAME:
        int type
    int NID_commonName
    int NID_subject_alt_name
    int GEN_EMAIL
    int GEN_DNS
    int GEN_URI
    X509_NAME* X509_get_subject_name(X509* certificate)
    int X509_NAME_get_text_by_NID(X509_NAME* name, int nid, char* text, int size)
    void* X509_get_ext_d2i(X509* certificate, int nid, int* critical, int* index)
    int sk_GENERAL_NAME_num(const GENERAL_NAMES* names)
    GENERAL_NAME* sk_GENERAL_NAME_value(const GENERAL_NAMES* names, int index)
    void GENERAL_NAMES_free(GENERAL_NAMES* names)
    void* GENERAL_NAME_get0_value(const GENERAL_NAME* name, int* kind)
    const unsigned char* ASN1_STRING_get0_data(const ASN1_STRING* text)
    int ASN1_STRING_length(const ASN1_STRING* text)
    const char* X509_verify_cert_error_string(long code)
    void X509_free(X509* certificate)
    long X509_V_OK
    long X509_V_ERR_CERT_HAS_EXPIRED

cdef extern from "openssl/ssl.h" nogil:
    ctypedef struct SSL
    ctypedef struct SSL_CTX
    ctypedef struct SSL_METHOD
    ctypedef struct SSL_CIPHER
    ctypedef int (*pem_password_cb)(char* into, int size, int writing, void* given) noexcept

    int SSL_ERROR_NONE, SSL_ERROR_SSL, SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE, SSL_ERROR_SYSCALL, SSL_ERROR_ZERO_RETURN
    int SSL_VERIFY_NONE, SSL_VERIFY_PEER, SSL_VERIFY_FAIL_IF_NO_PEER_CERT
    long SSL_SESS_CACHE_OFF, SSL_SESS_CACHE_SERVER
    long SSL_MODE_ENABLE_PARTIAL_WRITE, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, SSL_MODE_RELEASE_BUFFERS
    unsigned long SSL_OP_NO_COMPRESSION, SSL_OP_NO_RENEGOTIATION, SSL_OP_CIPHER_SERVER_PREFERENCE, SSL_OP_NO_TICKET
    unsigned long SSL_OP_NO_SSLv3, SSL_OP_NO_TLSv1, SSL_OP_NO_TLSv1_1, SSL_OP_NO_TLSv1_2, SSL_OP_NO_TLSv1_3, SSL_OP_SINGLE_DH_USE
    int SSL_FILETYPE_PEM
    int SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST
    int SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE
    int SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_NO_SHARED_CIPHER, SSL_R_TLSV1_ALERT_DECRYPT_ERROR
    int SSL_R_VERSION_TOO_LOW, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, SSL_R_NO_PROTOCOLS_AVAILABLE

    const SSL_METHOD* TLS_method()
    SSL_CTX* SSL_CTX_new(const SSL_METHOD* method)
    void SSL_CTX_free(SSL_CTX* ctx)
    unsigned long SSL_CTX_set_options(SSL_CTX* ctx, unsigned long options)
    long SSL_CTX_set_mode(SSL_CTX* ctx, long mode)
    void SSL_CTX_set_read_ahead(SSL_CTX* ctx, int yes)
    void SSL_CTX_set_default_read_buffer_len(SSL_CTX* ctx, size_t size)
    long SSL_CTX_set_session_cache_mode(SSL_CTX* ctx, long mode)
    long SSL_CTX_sess_set_cache_size(SSL_CTX* ctx, long size)
    long SSL_CTX_set_timeout(SSL_CTX* ctx, long seconds)
    int SSL_CTX_set_session_id_context(SSL_CTX* ctx, const unsigned char* context, unsigned int size)
    int SSL_CTX_set_num_tickets(SSL_CTX* ctx, size_t count)
    void SSL_CTX_set_verify(SSL_CTX* ctx, int mode, void* callback)
    void SSL_CTX_set_default_passwd_cb(SSL_CTX* ctx, pem_password_cb callback)
    void SSL_CTX_set_default_passwd_cb_userdata(SSL_CTX* ctx, void* given)
    int SSL_CTX_use_certificate_chain_file(SSL_CTX* ctx, const char* file)
    int SSL_CTX_use_PrivateKey_file(SSL_CTX* ctx, const char* file, int kind)
    int SSL_CTX_check_private_key(const SSL_CTX* ctx)
    int SSL_CTX_load_verify_locations(SSL_CTX* ctx, const char* file, const char* folder)
    int SSL_CTX_set_cipher_list(SSL_CTX* ctx, const char* text)
    int SSL_CTX_set_ciphersuites(SSL_CTX* ctx, const char* text)
    int SSL_CTX_set0_tmp_dh_pkey(SSL_CTX* ctx, EVP_PKEY* key)
    long SSL_CTX_set_dh_auto(SSL_CTX* ctx, int yes)
    void SSL_CTX_set_security_level(SSL_CTX* ctx, int level)

    SSL* SSL_new(SSL_CTX* ctx)
    void SSL_free(SSL* ssl)
    int SSL_set_fd(SSL* ssl, int fd)
    void SSL_set_accept_state(SSL* ssl)
    void SSL_set_connect_state(SSL* ssl)
    int SSL_do_handshake(SSL* ssl)
    int SSL_read(SSL* ssl, void* into, int room)
    int SSL_write(SSL* ssl, const void* data, int size)
    int SSL_has_pending(const SSL* ssl)
    int SSL_get_error(const SSL* ssl, int result)
    int SSL_shutdown(SSL* ssl)
    int SSL_session_reused(const SSL* ssl)
    long SSL_get_verify_result(const SSL* ssl)
    X509* SSL_get1_peer_certificate(const SSL* ssl)
    const char* SSL_get_version(const SSL* ssl)
    const SSL_CIPHER* SSL_get_current_cipher(const SSL* ssl)
    const char* SSL_CIPHER_get_name(const SSL_CIPHER* cipher)
