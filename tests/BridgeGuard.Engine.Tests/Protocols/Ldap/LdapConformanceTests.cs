using System.Buffers.Binary;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Ldap;

namespace BridgeGuard.Engine.Tests.Protocols.Ldap;

/// <summary>LDAP over TCP: every operation once.</summary>
public sealed class LdapConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new LdapProtocol();

    protected override void Renumber(byte[] turn, uint number)
    {
        if (turn.AsSpan(2).StartsWith("\u0002\u0004"u8))
        {
            BinaryPrimitives.WriteUInt32BigEndian(turn.AsSpan(4), number & int.MaxValue);
        }
    }

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            LdapSamples.Client(LdapSamples.Bind(1)),
            LdapSamples.Server(LdapSamples.Result(1, 1, 0)),
            LdapSamples.Client(LdapSamples.Search(2)),
            LdapSamples.Server([.. LdapSamples.Entry(2, "cn=e,dc=example"), .. LdapSamples.Message(2, 19, LdapSamples.Text("ldap://other"))]),
            LdapSamples.Server(LdapSamples.Result(2, 5, 0)),
            LdapSamples.Client(LdapSamples.Message(3, 6, [.. LdapSamples.Text("cn=x"), .. LdapSamples.Tlv(0x30, LdapSamples.Tlv(0x30, [10, 1, 2, .. LdapSamples.Tlv(0x30, [.. LdapSamples.Text("sn"), .. LdapSamples.Tlv(0x31, LdapSamples.Text("v"))])]))])),
            LdapSamples.Server(LdapSamples.Result(3, 7, 50, "cn=x", "no")),
            LdapSamples.Client(LdapSamples.Message(4, 8, [.. LdapSamples.Text("cn=y"), .. LdapSamples.Tlv(0x30, LdapSamples.Tlv(0x30, [.. LdapSamples.Text("cn"), .. LdapSamples.Tlv(0x31, LdapSamples.Text("y"))]))])),
            LdapSamples.Server(LdapSamples.Result(4, 9, 68)),
            LdapSamples.Client([.. LdapSamples.Message(5, 12, [.. LdapSamples.Text("cn=a"), .. LdapSamples.Text("cn=b"), 1, 1, 0xff, .. LdapSamples.Tagged(0, "ou=c")]), .. LdapSamples.Message(6, 14, [.. LdapSamples.Text("cn=b"), .. LdapSamples.Tlv(0x30, [.. LdapSamples.Text("sn"), .. LdapSamples.Text("v")])])]),
            LdapSamples.Server([.. LdapSamples.Result(6, 15, 6), .. LdapSamples.Result(5, 13, 0)]),
            LdapSamples.Client(LdapSamples.Message(7, 23, [.. LdapSamples.Tagged(0, "1.2.3"), .. LdapSamples.Tagged(1, "v")])),
            LdapSamples.Server([.. LdapSamples.Message(7, 25, LdapSamples.Tagged(0, "1.2")), .. LdapSamples.Result(7, 24, 0, "", "", LdapSamples.Tagged(10, "1.2.3"))]),
            LdapSamples.Client(LdapSamples.Tlv(0x30, [2, 1, 8, .. LdapSamples.Tlv(0x4a, "cn=y"u8.ToArray())])),
            LdapSamples.Server(LdapSamples.Result(8, 11, 0)),
            LdapSamples.Client([.. LdapSamples.Tlv(0x30, 2, 1, 9, 0x50, 1, 2), .. LdapSamples.Tlv(0x30, 2, 1, 10, 0x42, 0)]),
        ],
        [
            LdapSamples.Client(LdapSamples.Message(1, 0, [2, 1, 3, .. LdapSamples.Text(""), .. LdapSamples.Tlv(0xa3, [.. LdapSamples.Text("EXTERNAL"), .. LdapSamples.Text("c")])])),
            LdapSamples.Server(LdapSamples.Result(1, 1, 14, "", "", LdapSamples.Tagged(7, "s"))),
        ],
        [LdapSamples.Client(LdapSamples.Tlv(0x30, [2, 4, 1, 0, 0, 1, .. LdapSamples.Search(1)[5..]]))],
    ];
}
