using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Smtp;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Smtp;

public sealed class SmtpParserTests
{
    private static readonly Dictionary<string, string> WithUrls = new() { ["mime.extract-urls"] = "yes" };

    private static ProtocolBench Run(params Turn[] turns)
    {
        var bench = new ProtocolBench(new SmtpProtocol(), WithUrls);
        bench.Feed(turns);
        bench.End();
        return bench;
    }

    private static ProtocolBench RunMail(string message) => Run(
        Turn.Server("220 x\r\n"),
        Turn.Client("EHLO me\r\n"),
        Turn.Server("250 x\r\n"),
        Turn.Client("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
        Turn.Server("250 x\r\n250 x\r\n354 x\r\n"),
        Turn.Client(message + "\r\n.\r\n"),
        Turn.Server("250 x\r\n"));

    private static FileList FilesOf(ProtocolBench bench) => bench.Transaction(0).FilesToServer!;

    private static string NameOf(TrackedFile file) => System.Text.Encoding.Latin1.GetString(file.Name);

    /// <summary>A mail that RSET or QUIT ends is over with the answer, the client's half too: hooks of the request are asked for what stands there until then.</summary>
    [Theory]
    [InlineData("RSET", "250")]
    [InlineData("QUIT", "221")]
    public void AMailThatIsGivenUpEndsWithTheAnswer(string command, string code)
    {
        var bench = new ProtocolBench(new SmtpProtocol());
        bench.Feed([Turn.Server("220 x\r\n"), Turn.Client("HELO me\r\n"), Turn.Server("250 x\r\n"), Turn.Client("MAIL FROM:<a@b>\r\n"), Turn.Server("250 x\r\n"), Turn.Client(command + "\r\n")]);
        Transaction mail = bench.Transaction(0);
        Assert.Equal(SmtpProgress.Started, mail.ProgressToServer);
        bench.Feed([Turn.Server(code + " x\r\n")]);
        Assert.Equal(SmtpProgress.Complete, mail.ProgressToServer);
        Assert.Equal(SmtpProgress.Complete, mail.ProgressToClient);
    }

    [Fact]
    public void EnvelopeAndHeadAreBuffers()
    {
        ProtocolBench bench = Run(SmtpSamples.OneMail);
        Assert.Equal("client.example.com", bench.Buffer("smtp.helo", Direction.ToServer));
        Assert.Equal("<ann@example.com>", bench.Buffer("smtp.mail_from", Direction.ToServer));
        Assert.Equal("<c@example.org>", bench.Buffer("smtp.rcpt_to", Direction.ToServer, index: 1));
        Assert.Equal("twoparts", bench.Buffer("email.subject", Direction.ToServer));
        Assert.Equal("from b", bench.Buffer("email.received", Direction.ToServer, index: 1));
        Assert.Equal("example.com/a?b=c", bench.Buffer("email.url", Direction.ToServer));
        Assert.Contains("\"to\":[\"Bob <bob@example.org>\",\"\\u0022Last, First\\u0022 <c@example.org>\"]".Replace("\\u0022", "\\\""), bench.Eve());
        Assert.Empty(bench.Anomalies());
    }

    [Fact]
    public void AttachmentsAreDecodedFiles()
    {
        FileList files = FilesOf(Run(SmtpSamples.OneMail));
        Assert.Equal(2, files.Count);
        Assert.Equal("hello.bin", NameOf(files[0]));
        Assert.Equal("hello world", System.Text.Encoding.Latin1.GetString(files[0].Content.Data));
        Assert.Equal("q p.txt", NameOf(files[1]));
        Assert.Equal("a=bc\r\n", System.Text.Encoding.Latin1.GetString(files[1].Content.Data));
    }

    /// <summary>With and without a label; around the file is text, which is no part of it.</summary>
    [Theory]
    [InlineData("Content-Transfer-Encoding: x-uuencode\r\nContent-Disposition: attachment; filename=cat.txt\r\n\r\nsee:\r\nbegin 644 other\r\n#0V%T\r\n`\r\nend\r\nbye\r\n")]
    [InlineData("Subject: x\r\n\r\nbegin with this\r\nbegin 0644 cat.txt\r\n#0V%T\r\n \r\nend\r\nbye\r\n")]
    [InlineData("Subject: x\r\n\r\nbegin 644 cat.txt\r\n\"0V$\r\n!=\r\nend\r\n")]
    public void UuencodedFilesAreDecoded(string message)
    {
        FileList files = FilesOf(RunMail(message));
        Assert.Equal(1, files.Count);
        Assert.Equal("cat.txt", NameOf(files[0]));
        Assert.Equal("Cat", System.Text.Encoding.Latin1.GetString(files[0].Content.Data));
    }

    [Fact]
    public void UuencodedFilesOfPartsAreToldApart()
    {
        FileList files = FilesOf(Run(SmtpSamples.Uuencoded));
        Assert.Equal(["cat.txt Cat", "dog.txt dog"], Enumerable.Range(0, files.Count).Select(i => $"{NameOf(files[i])} {System.Text.Encoding.Latin1.GetString(files[i].Content.Data)}"));
    }

    [Fact]
    public void TextThatOnlyBeginsSoIsNoFile() => Assert.Equal(0, FilesOf(RunMail("Subject: x\r\n\r\nbegin 9644 a\r\nbegin 64 a\r\nbegin 644 \r\nbegin 644x a\r\nbegin 644\r\n")).Count);

    [Fact]
    public void UrlsAreFoundInDecodedText()
    {
        ProtocolBench bench = RunMail("Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<a href=3D\"http://a.test/lo=\r\nng?q=3D1\">x</a>\r\n");
        Assert.Equal("a.test/long?q=1", bench.Buffer("email.url", Direction.ToServer));
    }

    [Fact]
    public void ChunksAreOneMail()
    {
        ProtocolBench bench = Run(SmtpSamples.Chunks);
        Assert.Equal(2, bench.State.Transactions.Count);
        Assert.Equal("x@example.com", bench.Buffer("email.from", Direction.ToServer));
        Assert.Equal("abcdef", System.Text.Encoding.Latin1.GetString(FilesOf(bench)[0].Content.Data));
        Assert.Equal("<b@example.com>", bench.Buffer("smtp.mail_from", Direction.ToServer, transaction: 1));
    }

    [Fact]
    public void AnOuterBoundaryEndsAnInnerPartLeftOpen()
    {
        FileList files = FilesOf(RunMail(
            "Content-Type: multipart/mixed; boundary=aa\r\n\r\n--aa\r\nContent-Type: multipart/mixed; boundary=aabb\r\n\r\n--aabb\r\nContent-Type: text/plain; name=in.txt\r\n\r\nx\r\n"
            + "--aa\r\nContent-Type: text/plain; name=out.txt\r\n\r\nyyyy\r\n--aa--"));
        Assert.Equal(["in.txt", "out.txt"], [NameOf(files[0]), NameOf(files[1])]);
        Assert.Equal(4, files[1].Size);
    }

    [Fact]
    public void AnAttachedMailIsReadAsOne()
    {
        FileList files = FilesOf(RunMail(
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nSubject: in\r\nContent-Disposition: attachment; filename=in.exe\r\n\r\nMZ"));
        Assert.Equal("in.exe", NameOf(Assert.Single(Enumerable.Range(0, files.Count).Select(i => files[i]))));
    }

    [Theory]
    [InlineData("X: y\r\nContent-Type: text/plain; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n====\r\nYWJj", "mime_invalid_base64")]
    [InlineData("Content-Type: text/plain; name=a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=ZZ", "mime_invalid_qp")]
    [InlineData("Content-Type: multipart/mixed; boundary=@255\r\n\r\nx", "mime_long_boundary")]
    [InlineData("Content-Disposition: attachment; filename=@256\r\n\r\nx", "mime_long_filename")]
    [InlineData("X: y\r\n\r\n@999", "mime_long_line")]
    [InlineData("@76: y\r\n\r\nx", "mime_long_header_name")]
    [InlineData("Subject: @2001\r\n\r\nx", "mime_long_header_value")]
    [InlineData("Content-Transfer-Encoding: base64\r\n\r\n@77", "mime_long_enc_line")]
    public void OddMailIsReportedFromTheLimitOn(string message, string anomaly)
    {
        int at = message.IndexOf('@', StringComparison.Ordinal);
        if (at < 0)
        {
            Assert.Contains(anomaly, RunMail(message).Anomalies());
            return;
        }

        int length = 0;
        int end = at + 1;
        while (end < message.Length && char.IsAsciiDigit(message[end]))
        {
            length = length * 10 + message[end++] - '0';
        }

        Assert.Contains(anomaly, RunMail(message[..at] + new string('b', length) + message[end..]).Anomalies());
        Assert.DoesNotContain(anomaly, RunMail(message[..at] + new string('b', length - 1) + message[end..]).Anomalies());
    }

    [Fact]
    public void CommandsOutOfOrderAreReported()
    {
        Assert.Equal(["no_server_welcome_message"], Run(Turn.Client("EHLO a\r\n")).Anomalies());
        Assert.Equal(["duplicate_fields"], Run(Turn.Server("220 x\r\n"), Turn.Client("EHLO a\r\nEHLO b\r\n")).Anomalies());
        Assert.Equal(["invalid_bdat"], Run(Turn.Server("220 x\r\n"), Turn.Client("BDAT x\r\n")).Anomalies());
        Assert.Equal(["invalid_pipelined_sequence"], Run(Turn.Server("220 x\r\n"), Turn.Client("STARTTLS\r\nNOOP\r\n")).Anomalies());
        string early = "EHLO a\r\nMAIL FROM:<b@c>\r\nRCPT TO:<d@e>\r\nDATA\r\nhello\r\n";
        Assert.Equal(["invalid_pipelined_sequence"], Run(Turn.Server("220 x\r\n"), Turn.Client(early + ".\r\n")).Anomalies());
        Assert.Empty(Run(Turn.Server("220 x\r\n"), Turn.Client(early), Turn.Server("250 x\r\n250 x\r\n250 x\r\n354 x\r\n"), Turn.Client(".\r\n")).Anomalies());
        Assert.Equal(["tls_rejected"], Run(Turn.Server("220 x\r\n"), Turn.Client("STARTTLS\r\n"), Turn.Server("454 x\r\n")).Anomalies());
        Assert.Equal(["data_command_rejected"], Run(Turn.Server("220 x\r\n"), Turn.Client("DATA\r\n"), Turn.Server("503 x\r\n")).Anomalies());
    }

    [Fact]
    public void ALineAboveTheLimitIsCut()
    {
        string fits = "EHLO " + new string('a', SmtpLimits.MaxLineBytes - 7) + "\r\n";
        Assert.Empty(Run(Turn.Server("220 x\r\n"), Turn.Client(fits)).Anomalies());
        ProtocolBench bench = Run(Turn.Server("220 x\r\n"), Turn.Client("EHLO " + new string('a', SmtpLimits.MaxLineBytes) + "\r\nMAIL FROM:<x>\r\n"));
        Assert.Equal(["truncated_line"], bench.Anomalies());
        Assert.Equal("<x>", bench.Buffer("smtp.mail_from", Direction.ToServer));
    }

    [Fact]
    public void WhatIsNoReplyEndsTheParsing()
    {
        ProtocolBench bench = Run(Turn.Server("220 x\r\n"), Turn.Client("NOOP\r\n"), Turn.Server("hello\r\n"));
        Assert.True(bench.HasStopped);
        Assert.Equal(["invalid_reply"], bench.Anomalies());
    }

    [Fact]
    public void StartTlsChangesTheProtocol()
    {
        ProtocolBench bench = Run(SmtpSamples.StartTls);
        Assert.Equal(new ProtocolChange(true, ProtocolId.Tls), bench.Change);
    }

    [Fact]
    public void EachMailIsATransaction()
    {
        ProtocolBench bench = Run(SmtpSamples.SeveralMails);
        Assert.Equal(3, bench.State.Transactions.Count);
        Assert.Equal("<b@example.com>", bench.Buffer("smtp.mail_from", Direction.ToServer, transaction: 1));
        Assert.Contains("data_command_rejected", bench.Anomalies(1));
        Assert.Equal(["tls_rejected"], bench.Anomalies(2));
    }

    [Fact]
    public void MailsAboveTheLimitAreNotKept()
    {
        var bench = new ProtocolBench(new SmtpProtocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed(Direction.ToServer, "MAIL FROM:<a>\r\nRSET\r\nMAIL FROM:<b>\r\nRSET\r\nMAIL FROM:<c>\r\nRSET\r\n"u8);
        Assert.Equal(2, bench.State.Transactions.Count);
    }

    [Fact]
    public void TheWholeMessageCanBeTheFile()
    {
        var bench = new ProtocolBench(new SmtpProtocol(), new Dictionary<string, string> { ["raw-extraction"] = "yes" });
        bench.Feed(SmtpSamples.OneMail);
        TrackedFile file = bench.Transaction(0).FilesToServer![0];
        Assert.Equal("rawmsg", NameOf(file));
        Assert.Equal(SmtpSamples.Body.Length - 3, file.Size);
    }
}
