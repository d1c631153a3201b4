using System.Text;
using System.Text.Json.Nodes;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>
/// Which stretches of a stream rules on it get to see, and when: passively, while no chunk is full, that is a matter of the protocol. As
/// Suricata 8.0.8 shows them (seen with rules that each fit one length only).
/// </summary>
public sealed class StreamWindowTests
{
    private const int MostBytes = 200;

    [Theory]
    [InlineData("no protocol", 9999, "<hello there|>you too|<well|>bye", "")]
    [InlineData("http", 80, "<GET / HTTP/1.1\r\nHost: a\r\n\r\n|>HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "<27 >40")]
    [InlineData("ftp", 21, ">220 ready\r\n|<USER a\r\n|>331 name\r\n|<PASS b\r\n|>230 in\r\n|<SYST\r\n", "")]
    [InlineData("ssh", 22, ">SSH-2.0-server\r\n|<SSH-2.0-client\r\n|>more|<more", ">16 <16")]
    [InlineData("rfb", 5900, ">RFB 003.008\n|<RFB 003.008\n|>\x01\x02|<\x02|>0123456789abcdef|<0123456789abcdef", ">12 <12 >2 <1 >16 <16")]
    [InlineData("modbus", 502, "<\0\x01\0\0\0\x06\x01\x03\0\0\0\x01|>\0\x01\0\0\0\x05\x01\x03\x02\0\x01|<\0\x02\0\0\0\x06\x01\x03\0\0\0\x01|>\0\x02\0\0\0\x05\x01\x03\x02\0\x01", ">11 >11")]
    [InlineData("mqtt", 1883, "<\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0|>\x20\x02\0\0|<\x82\x06\0\x01\0\u0001a\0|>\x90\x03\0\x01\0|<\xc0\0", "<14 <8 <2")]
    [InlineData("ldap", 389, "<\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0|>\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0|<\x30\x05\x02\x01\x02\x42\0", "<14 >14 <7")]
    [InlineData("smtp", 25, ">220 mx\r\n|<EHLO a\r\n|>250 mx\r\n|<MAIL FROM:<a@b>\r\n|>250 ok\r\n|<RCPT TO:<c@d>\r\n|>250 ok\r\n|<DATA\r\n|>354 go\r\n|<Subject: x\r\n\r\nhello\r\n|<more text\r\n|<.\r\n|>250 kept\r\n|<QUIT\r\n|>221 bye\r\n", "<8 >16 <17 >8 <15 >8 <6 >8 >10 <41 >9")]
    [InlineData("smtp in bulk", 25, ">220 mx\r\n|<EHLO a\r\n|>250-mx\r\n250 PIPELINING\r\n|<MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n|>250 ok\r\n250 ok\r\n354 go\r\n|<Subject: x\r\n\r\nhello\r\n.\r\n|>250 kept\r\n|<RSET\r\n|>250 ok\r\n|<QUIT\r\n", "<8 >32 <38 >24 >10 <30 >8")]
    [InlineData("smtp in pieces", 25, ">220 mx\r\n|<HE|<LO a\r\n|>25|>0 mx\r\n|<NOOP\r\n|<NOOP\r\n|>250 ok\r\n|>250 ok\r\n", "<8 >16 <12 >16")]
    public void MessagesMakeTheStreamDueAsTheProtocolHasIt(string protocol, ushort port, string messages, string windows)
    {
        using Conversation wire = Start(port);
        foreach (string message in messages.Split('|'))
        {
            wire.Say(message[0] == '<', "AP", message[1..]);
        }

        wire.Say(false, "A", 0);
        wire.Say(true, "A", 0);
        wire.Say(false, "A", 0);

        Assert.True(windows == Windows(wire), $"{protocol}: {Windows(wire)}");
    }

    [Fact]
    public void AHandshakeOfTlsIsShownPartByPartAndNothingBehindIt()
    {
        using Conversation wire = Start(443);
        string hello = Record(22, Handshake(1, "\x03\x03" + new string('r', 32) + "\0\0\x02\0\x2f\x01\0"));
        string answer = Record(22, Handshake(2, "\x03\x03" + new string('r', 32) + "\0\0\x2f\0") + Handshake(14, ""));
        string key = Record(22, Handshake(16, "kk")) + Record(20, "\x01") + Record(22, new string('e', 40));
        wire.Say(true, "AP", hello);
        wire.Say(false, "AP", answer);
        wire.Say(true, "AP", key);
        wire.Say(false, "AP", Record(20, "\x01") + Record(22, new string('e', 40)));
        wire.Say(true, "AP", Record(23, new string('d', 50)));
        wire.Say(false, "AP", Record(23, new string('d', 60)));
        wire.Say(true, "AP", Record(23, new string('d', 70)));
        wire.Say(false, "AP", Record(23, new string('d', 80)));
        wire.Say(true, "A", 0);
        wire.Close();
        Assert.Equal($"<{hello.Length} >{answer.Length} <{key.Length} >51 <55", Windows(wire));
    }

    [Fact]
    public void ExchangesOfDnsOverHttp2AreShownEachWhole()
    {
        using Conversation wire = Start(443);
        const string Query = "\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07\u0065xample\x03\u0063om\0\0\x01\0\x01";
        const string Answer = "\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x03www\x07\u0065xample\x03\u0063om\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x01\x02\x03\x04";
        string type = Literal("content-type", "application/dns-message");
        string request = "\x83\x87" + Literal(":path", "/dns-query") + Literal(":authority", "d.example") + type;
        wire.Say(true, "AP", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(4, 0, 0, ""));
        wire.Say(false, "AP", Frame(4, 0, 0, ""));
        wire.Say(true, "AP", Frame(1, 4, 1, request));
        wire.Say(true, "AP", Frame(0, 1, 1, Query));
        wire.Say(false, "AP", Frame(1, 4, 1, "\x88" + type));
        wire.Say(false, "AP", Frame(0, 1, 1, Answer));
        wire.Say(true, "AP", Frame(1, 4, 3, request) + Frame(0, 1, 3, Query));
        wire.Say(false, "AP", Frame(1, 4, 3, "\x88" + type) + Frame(0, 1, 3, Answer));
        wire.Say(false, "A", 0);
        wire.Say(true, "A", 0);
        wire.Say(false, "A", 0);
        Assert.Equal("<164 >115 <131 >106", Windows(wire));
    }

    private static string Frame(byte type, byte flags, byte stream, string body) => $"\0\0{(char)body.Length}{(char)type}{(char)flags}\0\0\0{(char)stream}{body}";

    private static string Literal(string name, string value) => $"\0{(char)name.Length}{name}{(char)value.Length}{value}";

    private static string Record(byte type, string body) => $"{(char)type}\x03\x03{(char)(body.Length >> 8)}{(char)(body.Length & 255)}{body}";

    private static string Handshake(byte type, string body) => $"{(char)type}\0{(char)(body.Length >> 8)}{(char)(body.Length & 255)}{body}";

    private static Conversation Start(ushort port)
    {
        var rules = new StringBuilder();
        for (int length = 1; length < MostBytes; length++)
        {
            rules.Append($"alert tcp any any -> any any (msg:\"length\"; flow:only_stream; isdataat:{length - 1}; isdataat:!{length}; sid:{length};)\n");
        }

        return new Conversation(
            rules.ToString(),
            new EngineSettings
            {
                AppLayer = new AppLayerSettings { Protocols = new Dictionary<string, ProtocolSettings> { ["modbus"] = new(new Dictionary<string, string> { ["enabled"] = "yes" }) } },
                Eve = new EveSettings { Types = [new EveTypeSettings("alert", ProtocolSettings.Empty)] },
            },
            port);
    }

    /// <summary>The windows that the rules saw: <c>&lt;</c> to the server, <c>&gt;</c> to the client, and how long they were.</summary>
    private static string Windows(Conversation wire) => string.Join(' ', wire.Records.Select(text => JsonNode.Parse(text)).Select(record =>
        ((string?)record!["direction"] == "to_server" ? "<" : ">") + (int)record["alert"]!["signature_id"]!));
}
