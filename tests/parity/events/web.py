"""HTTP/1: a conversation for each named oddity."""
import gzip
import lzma
import struct
import zlib

from .wire import C, S, Talk

GET = b'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


def request(lines, body=b'', first=b'GET / HTTP/1.1', host=b'Host: a.test\r\n', answer=OK):
    return C(first + b'\r\n' + host + lines + b'\r\n' + body), S(answer)


def response(lines, body=b'', first=b'HTTP/1.1 200 OK', ask=GET):
    return C(ask), S(first + b'\r\n' + lines + b'\r\n' + body)


def post(lines, body):
    return request(lines, body, first=b'POST /u HTTP/1.1')


def form(parts):
    return post(b'Content-Type: multipart/form-data; boundary=XX\r\nContent-Length: %d\r\n' % len(parts), parts)


def squeezed(coding, body):
    return response(b'Content-Encoding: %s\r\nContent-Length: %d\r\n' % (coding, len(body)), body)


def alone_lzma(data, dictionary=1 << 16):
    packed = lzma.compress(data, format=lzma.FORMAT_ALONE, filters=[{'id': lzma.FILTER_LZMA1, 'dict_size': 1 << 16}])
    return packed[:1] + struct.pack('<I', dictionary) + packed[5:]


def http1():
    text = b'some text that is said again and again. ' * 200
    zipped = gzip.compress(text, mtime=0)
    noise = bytes((i * 7919 >> 3) & 0xff for i in range(600))
    many = b''.join(b'X-%d: y\r\n' % i for i in range(1100))
    return [
        Talk('unknown_error', *request(b''), C(b'\x16\x03\x01'), note='nothing that we know of'),
        Talk('gzip_decompression_failed', *squeezed(b'gzip', gzip.compress(noise, mtime=0)[:200] + b'\xff' * 400)),
        Talk('request_field_missing_colon', *request(b'Broken\r\n')),
        Talk('response_field_missing_colon', *response(b'Broken\r\nContent-Length: 0\r\n')),
        Talk('invalid_request_chunk_len', *post(b'Transfer-Encoding: chunked\r\n', b'zz\r\nabc\r\n0\r\n\r\n')),
        Talk('invalid_response_chunk_len', *response(b'Transfer-Encoding: chunked\r\n', b'zz\r\nabc\r\n0\r\n\r\n')),
        Talk('invalid_transfer_encoding_value_in_request', *post(b'Transfer-Encoding: odd\r\n', b'')),
        Talk('invalid_transfer_encoding_value_in_response', *response(b'Transfer-Encoding: odd\r\n', b'abc')),
        Talk('invalid_content_length_field_in_request', *post(b'Content-Length: abc\r\n', b'')),
        Talk('invalid_content_length_field_in_response', *response(b'Content-Length: abc\r\n', b'abc')),
        Talk('duplicate_content_length_field_in_request', *post(b'Content-Length: 3\r\nContent-Length: 4\r\n', b'abcd')),
        Talk('duplicate_content_length_field_in_response', *response(b'Content-Length: 3\r\nContent-Length: 4\r\n', b'abcd')),
        Talk('100_continue_already_seen', C(GET), S(b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n' + OK)),
        Talk('unable_to_match_response_to_request', *request(b''), S(OK)),
        Talk('invalid_server_port_in_request', *request(b'', first=b'GET http://a.test:99999/ HTTP/1.1')),
        Talk('invalid_authority_port', *request(b'', first=b'CONNECT a.test:99999 HTTP/1.1')),
        Talk('request_header_invalid', *request(b': nameless\r\n')),
        Talk('response_header_invalid', *response(b': nameless\r\nContent-Length: 0\r\n')),
        Talk('missing_host_header', *request(b'', host=b'')),
        Talk('host_header_ambiguous', *request(b'', first=b'GET http://b.test/ HTTP/1.1')),
        Talk('invalid_request_field_folding', *request(b'', host=b' folded: x\r\nHost: a.test\r\n')),
        Talk('invalid_response_field_folding', *response(b' folded: x\r\nContent-Length: 0\r\n')),
        Talk('request_field_too_long', *request(b'X: ' + b'y' * 19000 + b'\r\n')),
        Talk('response_field_too_long', *response(b'X: ' + b'y' * 19000 + b'\r\nContent-Length: 0\r\n')),
        Talk('file_name_too_long', *form(b'--XX\r\nContent-Disposition: form-data; name="f"; filename="' + b'n' * 4200 + b'"\r\n\r\nabc\r\n--XX--\r\n')),
        Talk('file_name_too_long', *request(b'', first=b'GET /' + b'n' * 17000 + b' HTTP/1.1'), note='in the URI'),
        Talk('request_server_port_tcp_port_mismatch', *request(b'', first=b'GET http://a.test:81/ HTTP/1.1', host=b'Host: a.test:81\r\n')),
        Talk('request_uri_host_invalid', *request(b'', first=b'GET http:///x HTTP/1.1')),
        Talk('request_uri_host_invalid', *request(b'', first=b'GET http://a b/x HTTP/1.1')),
        Talk('request_uri_host_invalid', *request(b'', first=b'GET http://a_%00b/x HTTP/1.1')),
        Talk('request_header_host_invalid', *request(b'', host=b'Host: a.test:99999\r\n')),
        Talk('request_header_host_invalid', *request(b'', host=b'Host: a b\r\n')),
        Talk('request_auth_unrecognized', *request(b'Authorization: Odd abc\r\n')),
        Talk('request_auth_unrecognized', *request(b'Authorization: Digest realm=x\r\n')),
        Talk('request_header_repetition', *request(b'X: 1\r\nX: 2\r\n')),
        Talk('response_header_repetition', *response(b'X: 1\r\nX: 2\r\nContent-Length: 0\r\n')),
        Talk('response_multipart_byteranges', *response(b'Content-Type: multipart/byteranges; boundary=YY\r\nContent-Length: 8\r\n', b'--YY--\r\n', first=b'HTTP/1.1 206 Partial Content')),
        Talk('response_multipart_byteranges', *response(b'Content-Type: multipart/byteranges; boundary=YY\r\n', b'--YY--\r\n', first=b'HTTP/1.1 206 Partial Content')),
        Talk('response_abnormal_transfer_encoding', *response(b'Transfer-Encoding: odd, chunked\r\n', b'3\r\nabc\r\n0\r\n\r\n')),
        Talk('response_chunked_old_proto', *response(b'Transfer-Encoding: chunked\r\n', b'3\r\nabc\r\n0\r\n\r\n', first=b'HTTP/1.0 200 OK')),
        Talk('response_invalid_protocol', *response(b'Content-Length: 0\r\n', first=b'HTTP/1.x 200 OK')),
        Talk('response_invalid_status', *response(b'Content-Length: 0\r\n', first=b'HTTP/1.1 20x OK')),
        Talk('response_line_invalid_protocol', *response(b'Content-Length: 0\r\n', first=b'HTTP/1.x 200 OK')),
        Talk('response_line_invalid_response_status', *response(b'Content-Length: 0\r\n', first=b'HTTP/1.1 abc OK')),
        Talk('file_name_too_long', *response(b'Content-Disposition: attachment; filename="' + b'n' * 4100 + b'"\r\nContent-Length: 3\r\n', b'abc')),
        Talk('invalid_transfer_encoding_value_in_request', *request(b'Transfer-Encoding: chunked\r\n', b'0\r\n\r\n', first=b'POST / HTTP/1.0')),
        Talk('request_line_incomplete', *request(b''), C(b'GET /half')),
        Talk('double_encoded_uri', *request(b'', first=b'GET /%252e%252e/x?y=%2541 HTTP/1.1')),
        Talk('request_line_invalid', *request(b'', first=b'G\x01T / HTTP/1.1')),
        Talk('request_line_invalid', *request(b'', first=b'GET / HTTP/9.x')),
        Talk('request_line_invalid', *request(b''), C(b'\x01\x02 \x03\r\n\r\n')),
        Talk('request_body_unexpected', C(GET + b'body here\r\n'), S(OK)),
        Talk('request_body_unexpected', *request(b'', b'\x01\x02 no request at all')),
        Talk('request_body_unexpected', C(GET), S(OK), C(b'abc no request at all')),
        Talk('response_body_unexpected', *response(b'Content-Length: 3\r\n', b'abc', first=b'HTTP/1.1 304 Not Modified')),
        Talk('response_body_unexpected', *response(b'Content-Length: 3\r\n', b'abc', first=b'HTTP/1.1 204 No Content')),
        Talk('response_body_unexpected', *response(b'Content-Length: 3\r\n', b'abcdef')),
        Talk('method_delim_non_compliant', *request(b'', first=b'GET\t/ HTTP/1.1')),
        Talk('uri_delim_non_compliant', *request(b'', first=b'GET /\tHTTP/1.1')),
        Talk('request_line_leading_whitespace', *request(b'', first=b' GET / HTTP/1.1')),
        Talk('too_many_encoding_layers', *squeezed(b'gzip, deflate, gzip', zipped)),
        Talk('abnormal_ce_header', *squeezed(b'gzip odd', zipped)),
        Talk('abnormal_ce_header', *squeezed(b'xgzip', zipped)),
        Talk('range_invalid', *response(b'Content-Range: bytes odd\r\nContent-Length: 3\r\n', b'abc', first=b'HTTP/1.1 206 Partial Content')),
        Talk('request_chunk_extension', *post(b'Transfer-Encoding: chunked\r\n', b'3;x=y\r\nabc\r\n0\r\n\r\n')),
        Talk('response_chunk_extension', *response(b'Transfer-Encoding: chunked\r\n', b'3;x=y\r\nabc\r\n0\r\n\r\n')),
        Talk('request_line_missing_protocol', *request(b'', first=b'GET /')),
        Talk('request_too_many_headers', *request(many)),
        Talk('response_too_many_headers', *response(many + b'Content-Length: 0\r\n')),
        Talk('lzma_memlimit_reached', *squeezed(b'lzma', alone_lzma(text, 64 << 20)), note='LZMA is off by default'),
        Talk('compression_bomb', *squeezed(b'gzip, gzip', gzip.compress(gzip.compress(bytes(60 << 20), mtime=0), mtime=0))),
        Talk('compression_bomb_limit_reached', *squeezed(b'deflate', zlib.compress(bytes(6 << 20)))),
        Talk('too_many_warnings', *request(b'Broken\r\n' * 200)),
        Talk('too_many_warnings', *response(b'Broken\r\n' * 200 + b'Content-Length: 0\r\n')),
        Talk('failed_protocol_change', *request(b'', first=b'CONNECT a.test:80 HTTP/1.1', answer=b'HTTP/1.1 200 OK\r\n\r\n'), C(b'\x01\x02\x03\x04'), S(b'\x01\x02\x03\x04'), C(b'zz' * 2000), S(b'yy' * 2000)),
        Talk('failed_protocol_change', *request(b'', first=b'CONNECT a.test:80 HTTP/1.1', answer=b'HTTP/1.1 200 OK\r\n\r\n'), C(b'SSH-2.0-x\r\n'), S(b'SSH-2.0-y\r\n')),
        Talk('failed_protocol_change', *request(b'Upgrade: h2c\r\nConnection: Upgrade\r\n', answer=b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n'), S(b'\x01\x02no frames'), C(b'no preface')),
        Talk('failed_protocol_change', *request(b'Upgrade: websocket\r\nConnection: Upgrade\r\n', answer=b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'), S(GET), C(GET)),
        Talk('multipart_generic_error', *form(b'no boundary here\r\n')),
        Talk('multipart_no_filedata', *form(b'--XX\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n--XX--\r\n')),
        Talk('multipart_no_filedata', *form(b'--XX\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n\r\n--XX--\r\n')),
        Talk('multipart_invalid_header', *form(b'--XX\r\nContent-Disposition:\r\n\r\nabc\r\n--XX--\r\n')),
        Talk('multipart_invalid_header', *form(b'--XX\r\nContent-Disposition form-data\r\nbroken\r\n\r\nabc\r\n--XX--\r\n')),
        Talk('deformed_eol', C(b'GET / HTTP/1.1\r\nHost: a.test\r\n\r\r\n'), S(OK)),
        Talk('deformed_eol', C(GET), S(b'HTTP/1.1 200 OK\r\nX: y\r\n\r\r\nContent-Length: 0\r\n\r\n')),
        Talk('response_invalid_lws_after_name', *response(b'X : y\r\nContent-Length: 0\r\n')),
        Talk('response_header_name_not_token', *response(b'X(y): z\r\nContent-Length: 0\r\n')),
        Talk('request_invalid_lws_after_name', *request(b'X : y\r\n')),
        Talk('request_header_name_not_token', *request(b'X(y): z\r\n')),
        Talk('content_length_extra_data_start', *post(b'Content-Length: x3\r\n', b'abc')),
        Talk('content_length_extra_data_end', *post(b'Content-Length: 3x\r\n', b'abc')),
        Talk('switching_proto_with_content_length', *request(b'Upgrade: odd\r\n', answer=b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: odd\r\nContent-Length: 3\r\n\r\nabc')),
    ]
