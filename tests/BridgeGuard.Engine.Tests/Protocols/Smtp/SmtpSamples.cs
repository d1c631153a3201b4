namespace BridgeGuard.Engine.Tests.Protocols.Smtp;

/// <summary>Conversations written for these tests.</summary>
internal static class SmtpSamples
{
    public const string Body =
        "From: Ann <ann@example.com>\r\nTo: Bob <bob@example.org>,\r\n \"Last, First\" <c@example.org>\r\nCc: d@example.org\r\nSubject: two\r\n parts\r\n"
        + "Message-ID: <1@example.com>\r\nReceived: from a\r\nReceived: from b\r\nMIME-Version: 1.0\r\n"
        + "Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\npreamble\r\n--=_b\r\nContent-Type: text/plain\r\n\r\n"
        + "look at http://example.com/a?b=c and go\r\n--=_b\r\nContent-Type: application/octet-stream; name=\"hello.bin\"\r\n"
        + "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8g\r\nd29ybGQ=\r\n--=_b\r\nContent-Disposition: attachment; filename*=utf-8''q%20p.txt\r\n"
        + "Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n--=_b--\r\n.\r\n";

    public static readonly Turn[] OneMail =
    [
        Turn.Server("220 mail.example.org ESMTP\r\n"),
        Turn.Client("EHLO client.example.com\r\n"),
        Turn.Server("250-mail.example.org\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
        Turn.Client("MAIL FROM:<ann@example.com> SIZE=100\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n"),
        Turn.Server("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
        Turn.Client(Body),
        Turn.Server("250 queued\r\n"),
        Turn.Client("QUIT\r\n"),
        Turn.Server("221 bye\r\n"),
    ];

    public static readonly Turn[] Chunks =
    [
        Turn.Server("220 mail.example.org ESMTP\r\n"),
        Turn.Client("EHLO client.example.com\r\n"),
        Turn.Server("250 CHUNKING\r\n"),
        Turn.Client("MAIL FROM:<ann@example.com>\r\nRCPT TO:<bob@example.org>\r\nBDAT 20\r\nFrom: x@example.com\rBDAT 38\r\n\nContent-Type: text/plain; name=a.txt\rBDAT 10 LAST\r\n\n\r\nabcdef\nMAIL FROM:<b@example.com>\r\n"),
        Turn.Server("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n"),
    ];

    public static readonly Turn[] SeveralMails =
    [
        Turn.Server("220 mail.example.org ESMTP\r\n"),
        Turn.Client("HELO client\r\n"),
        Turn.Server("250 hi\r\n"),
        Turn.Client("MAIL FROM:<a@example.com>\r\nRSET\r\nMAIL FROM:<b@example.com>\r\nDATA\r\n"),
        Turn.Server("250 ok\r\n250 ok\r\n250 ok\r\n554 no\r\n"),
        Turn.Client("EHLO again\r\n"),
        Turn.Server("250 hi\r\n"),
        Turn.Client("STARTTLS\r\n"),
        Turn.Server("454 no\r\n"),
    ];

    /// <summary>A file in the text, and one in a part that says so.</summary>
    public static readonly Turn[] Uuencoded =
    [
        Turn.Server("220 mail.example.org ESMTP\r\n"),
        Turn.Client("EHLO client\r\n"),
        Turn.Server("250 hi\r\n"),
        Turn.Client("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"),
        Turn.Server("250 ok\r\n250 ok\r\n354 go\r\n"),
        Turn.Client("Content-Type: multipart/mixed; boundary=aa\r\n\r\n--aa\r\n\r\nhere it is\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nbye\r\n"),
        Turn.Client("--aa\r\nContent-Type: text/plain; name=dog.txt\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n#9&]G\r\n \r\nend\r\n--aa--\r\n.\r\n"),
        Turn.Server("250 ok\r\n"),
    ];

    public static readonly Turn[] StartTls =
    [
        Turn.Server("220 mail.example.org ESMTP\r\n"),
        Turn.Client("EHLO client\r\n"),
        Turn.Server("250 STARTTLS\r\n"),
        Turn.Client("STARTTLS\r\n"),
        Turn.Server("220 go\r\n"),
    ];
}
