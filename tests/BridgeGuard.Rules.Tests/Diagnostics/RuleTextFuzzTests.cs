using System.Text;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using Xunit;

namespace BridgeGuard.Rules.Tests.Diagnostics;

/// <summary>Rule text that went through a mangle: always diagnostics, never an exception.</summary>
public sealed class RuleTextFuzzTests
{
    private const int Rounds = 3_000;

    private static readonly string[] Seeds =
    [
        "alert http $HOME_NET any -> [!10.0.0.0/8,192.168.1.1] ![80,1024:] (msg:\"a\\\"b\"; flow:established,to_server; http.uri; content:\"|41 42|c\"; nocase; fast_pattern:0,2; pcre:\"/a(?P<flow_x>b+)/Ui, flow:y\"; reference:url,x.test; classtype:bad-unknown; sid:1; rev:2; metadata:created_at 2020_01_01, a b;)",
        "drop tcp any any <> any any (content:\"a\"; offset:1; depth:9; content:!\"b\"; distance:-3; within:70; byte_test:2,>,0x10,4,relative,little; byte_jump:4,0,align,multiplier 2; byte_extract:1,0,v; isdataat:!v,relative; sid:2;)",
        "alert dns any any -> any any (dns.query; dotprefix; to_lowercase; content:\".evil\"; endswith; bsize:5<>20; threshold:type limit,track by_src,count 1,seconds 60; flowbits:set,a; flowint:cc,+,1; xbits:set,x,track ip_pair,expire 10; sid:3;)",
        "accept:hook,alert tls:<client_hello_done any any -> any any (tls.sni; content:\"x\"; sid:4;)",
        "alert tls any any -> any any (frame:tls.pdu; content:\"|16 03|\"; startswith; entropy:value > 4.5, bytes 10; base64_decode:bytes 4,offset 1,relative; base64_data; content:\"q\"; sid:5;)",
        "alert ip any any -> any any (ip_proto:!6; ttl:<5; fragbits:!MD; ipopts:rr; iprep:src,bad,>,3; dataset:isset,n,type string; requires:version >= 8 < 9 | >= 7; sid:6;)",
        "alert udp any any -> any any (dsize:>4; byte_math:bytes 2,offset 0,oper <<,rvalue 3,result r,endian little; asn1:oversize_length 100; tag:session,5,packets; target:src_ip; config:logging disable, type tx, scope tx; sid:7;)",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void MangledRulesNeverThrow(int seed)
    {
        var random = new Random(seed);
        var keywords = new KeywordIndex(ProtocolCatalog.All);
        int loaded = 0;
        for (int i = 0; i < Rounds; i++)
        {
            string text = Mangle(Seeds[random.Next(Seeds.Length)], random);
            RuleLoadResult result = RuleLoader.Load(new RuleLoadOptions { Texts = [("fuzz.rules", text)] }, keywords);
            loaded += result.Loaded;
            Assert.All(result.Diagnostics, diagnostic => Assert.True(diagnostic.Column >= 0 && diagnostic.Line >= 0));
        }

        // A mangle that leaves no rule whole would test the first error only.
        Assert.InRange(loaded, Rounds / 200, Rounds);
    }

    private static string Mangle(string rule, Random random)
    {
        var text = new StringBuilder(rule);
        for (int edits = random.Next(1, 4); edits > 0 && text.Length > 0; edits--)
        {
            int at = random.Next(text.Length);
            switch (random.Next(6))
            {
                case 0:
                    text.Remove(at, Math.Min(random.Next(1, 8), text.Length - at));
                    break;
                case 1:
                    text.Insert(at, (char)random.Next(1, 256));
                    break;
                case 2:
                    text[at] = "\"|;:,!()\\/[]<>$0x9-."[random.Next(20)];
                    break;
                case 3:
                    string other = Seeds[random.Next(Seeds.Length)];
                    int from = random.Next(other.Length);
                    text.Insert(at, other.AsSpan(from, Math.Min(random.Next(1, 40), other.Length - from)));
                    break;
                case 4:
                    text.Insert(at, "4294967296"[..random.Next(1, 11)]);
                    break;
                default:
                    int length = Math.Min(random.Next(1, 30), text.Length - at);
                    text.Insert(at, text.ToString(at, length));
                    break;
            }
        }

        return text.ToString();
    }
}
