"""SMTP: a conversation for each named oddity."""
from .wire import C, S, Talk

HELLO = (S(b'220 mail.test\r\n'), C(b'EHLO c.test\r\n'), S(b'250-mail.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 STARTTLS\r\n'))
ENVELOPE = HELLO + (C(b'MAIL FROM:<a@b.test>\r\n'), S(b'250 ok\r\n'), C(b'RCPT TO:<c@d.test>\r\n'), S(b'250 ok\r\n'))
BYE = (C(b'QUIT\r\n'), S(b'221 bye\r\n'))


def mail(body):
    return ENVELOPE + (C(b'DATA\r\n'), S(b'354 go\r\n'), C(body + b'\r\n.\r\n'), S(b'250 ok\r\n')) + BYE


def typed(lines, body):
    return mail(b'From: a@b.test\r\nMIME-Version: 1.0\r\n' + lines + b'\r\n\r\n' + body)


def attachment(lines, body, boundary=b'XX'):
    return typed(b'Content-Type: multipart/mixed; boundary="' + boundary + b'"', b'--' + boundary + b'\r\n' + lines + b'\r\n\r\n' + body + b'\r\n--' + boundary + b'--')


def nested(depth):
    text = b''
    for i in range(depth):
        text += b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i)
    return mail(b'From: a@b.test\r\n' + text + b'Content-Type: text/plain\r\n\r\nhello')


def smtp():
    return [
        Talk('invalid_reply', *HELLO, C(b'NOOP\r\n'), S(b'999 odd\r\n'), *BYE),
        Talk('invalid_reply', *HELLO, C(b'NOOP\r\n'), S(b'abc\r\n'), *BYE),
        Talk('unable_to_match_reply_with_request', *HELLO, S(b'250 unasked\r\n'), S(b'250 unasked\r\n'), *BYE),
        Talk('unable_to_match_reply_with_request', *HELLO, C(b'NOOP\r\n' * 3000), S(b'250 ok\r\n' * 3000), *BYE),
        Talk('max_command_line_len_exceeded', *HELLO, C(b'NOOP ' + b'x' * 5000 + b'\r\n'), S(b'250 ok\r\n'), *BYE),
        Talk('max_reply_line_len_exceeded', *HELLO, C(b'NOOP\r\n'), S(b'250 ' + b'x' * 5000 + b'\r\n'), *BYE),
        Talk('invalid_pipelined_sequence', *ENVELOPE, C(b'DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n'), S(b'354 go\r\n250 ok\r\n'), *BYE),
        Talk('invalid_pipelined_sequence', *HELLO, C(b'STARTTLS\r\nNOOP\r\n'), S(b'220 go\r\n')),
        Talk('bdat_chunk_len_exceeded', *ENVELOPE, C(b'BDAT 10\r\nSubject: x\r\n\r\nmore than ten bytes\r\n'), S(b'250 ok\r\n'), *BYE),
        Talk('bdat_chunk_len_exceeded', *ENVELOPE, C(b'BDAT 4294967296\r\n'), S(b'250 ok\r\n'), *BYE),
        Talk('no_server_welcome_message', C(b'EHLO c.test\r\n'), S(b'250 mail.test\r\n'), *BYE),
        Talk('tls_rejected', *HELLO, C(b'STARTTLS\r\n'), S(b'454 no\r\n'), *BYE),
        Talk('data_command_rejected', *ENVELOPE, C(b'DATA\r\n'), S(b'554 no\r\n'), *BYE),
        Talk('failed_protocol_change', *HELLO, C(b'STARTTLS\r\n'), S(b'220 go\r\n'), C(b'no handshake at all\r\n'), S(b'neither this\r\n')),
        Talk('failed_protocol_change', *HELLO, C(b'STARTTLS\r\n'), S(b'220 go\r\n'), C(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), S(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
        Talk('failed_protocol_change', *HELLO, C(b'STARTTLS\r\n'), S(b'220 go\r\n'), C(b'\x01\x02\x03' * 900), S(b'\x01\x02\x03' * 900)),
        Talk('invalid_bdat', *ENVELOPE, C(b'BDAT\r\n'), S(b'501 what\r\n'), *BYE),
        Talk('invalid_bdat', *ENVELOPE, C(b'BDAT abc\r\n'), S(b'501 what\r\n'), *BYE),
        Talk('mime_parse_failed', *mail(b'no header at all')),
        Talk('mime_parse_failed', *mail(b'\x00\x01\x02: \xff\r\n:\r\n: :\r\n\r\n')),
        Talk('mime_malformed_msg', *mail(b'From: a@b.test\r\nbroken line without colon\r\nX: y\r\n\r\nhello')),
        Talk('mime_malformed_msg', *nested(80)),
        Talk('mime_malformed_msg', *typed(b'Content-Type: multipart/mixed', b'no boundary was named')),
        Talk('mime_malformed_msg', *typed(b'Content-Type: multipart/mixed; boundary=XX', b'--XX\r\nno header here\r\n--XX--')),
        Talk('mime_invalid_base64', *typed(b'Content-Type: application/octet-stream; name=x\r\nContent-Transfer-Encoding: base64', b'!!!!not base64!!!!')),
        Talk('mime_invalid_base64', *attachment(b'Content-Type: application/octet-stream; name=x\r\nContent-Transfer-Encoding: base64', b'QU=JD===QQ')),
        Talk('mime_invalid_qp', *attachment(b'Content-Type: application/octet-stream; name=x\r\nContent-Transfer-Encoding: quoted-printable', b'bad =ZZ escape')),
        Talk('mime_invalid_qp', *typed(b'Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable', b'bad =ZZ escape')),
        Talk('mime_long_line', *mail(b'Subject: x\r\n\r\n' + b'y' * 1200)),
        Talk('mime_long_enc_line', *attachment(b'Content-Type: application/octet-stream; name=x\r\nContent-Transfer-Encoding: base64', b'QUJD' * 40)),
        Talk('mime_long_header_name', *mail(b'X' * 120 + b': y\r\n\r\nhello')),
        Talk('mime_long_header_value', *mail(b'X: ' + b'y' * 2500 + b'\r\n\r\nhello')),
        Talk('mime_long_boundary', *attachment(b'Content-Type: text/plain', b'hello', boundary=b'B' * 300)),
        Talk('mime_long_filename', *attachment(b'Content-Type: application/octet-stream; name="' + b'n' * 400 + b'"', b'hello')),
        Talk('duplicate_fields', *HELLO, C(b'EHLO again.test\r\n'), S(b'250 ok\r\n'), *BYE),
        Talk('duplicate_fields', *ENVELOPE, C(b'MAIL FROM:<x@y.test>\r\n'), S(b'503 no\r\n'), *BYE),
        Talk('unparsable_content', *ENVELOPE, C(b'DATA\r\n'), S(b'354 go\r\n'), C(b'Subject: x\r\n\r\nhello\r\n.\r\nDATA\r\n'), S(b'250 ok\r\n354 go\r\n'), C(b'Subject: y\r\n\r\nhello\r\n.\r\n'), S(b'250 ok\r\n'), *BYE),
        Talk('truncated_line', *HELLO, C(b'NOOP ' + b'x' * 9000 + b'\r\n'), S(b'250 ' + b'y' * 9000 + b'\r\n'), *BYE),
    ]
