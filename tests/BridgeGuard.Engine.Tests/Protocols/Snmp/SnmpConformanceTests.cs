using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Snmp;

namespace BridgeGuard.Engine.Tests.Protocols.Snmp;

/// <summary>SNMP in its three versions, and a trap.</summary>
public sealed class SnmpConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new SnmpProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [new Turn(Direction.ToServer, Message(1, "public", 0xa0)), new Turn(Direction.ToClient, Message(1, "public", 0xa2))],
        [new Turn(Direction.ToServer, Trap(6))],
        [new Turn(Direction.ToServer, Version3("admin", encrypted: false)), new Turn(Direction.ToClient, Version3("admin", encrypted: true))],
    ];

    internal static byte[] Tlv(int tag, params byte[] content) => content.Length < 128
        ? [(byte)tag, (byte)content.Length, .. content]
        : [(byte)tag, 0x81, (byte)content.Length, .. content];

    internal static byte[] Text(string text) => Tlv(4, Encoding.Latin1.GetBytes(text));

    /// <summary>1.3.6.1.2.1.1.1.0, 1.3.6.1.4.1.8072.</summary>
    internal static byte[] Variables => Tlv(0x30, [.. Tlv(0x30, [6, 8, 0x2b, 6, 1, 2, 1, 1, 1, 0, 5, 0]), .. Tlv(0x30, [6, 7, 0x2b, 6, 1, 4, 1, 0xbf, 0x08, 5, 0])]);

    internal static byte[] Pdu(int tag) => Tlv(tag, [2, 1, 1, 2, 1, 0, 2, 1, 0, .. Variables]);

    internal static byte[] Message(int version, string community, int pdu) => Tlv(0x30, [2, 1, (byte)version, .. Text(community), .. Pdu(pdu)]);

    internal static byte[] Trap(int generic) => Tlv(
        0x30, [2, 1, 0, .. Text("public"), .. Tlv(0xa4, [6, 7, 0x2b, 6, 1, 4, 1, 0xbf, 0x08, 0x40, 4, 10, 1, 2, 3, 2, 1, (byte)generic, 2, 1, 5, 0x43, 1, 9, .. Variables])]);

    internal static byte[] Version3(string user, bool encrypted, int model = 3)
    {
        byte[] security = Tlv(0x30, [.. Text("engine"), 2, 1, 1, 2, 1, 2, .. Text(user), .. Text(""), .. Text("")]);
        byte[] scoped = encrypted ? Text("opaque") : Tlv(0x30, [.. Text("e"), .. Text("c"), .. Pdu(0xa0)]);
        return Tlv(0x30, [2, 1, 3, .. Tlv(0x30, 2, 1, 5, 2, 2, 5, 0, 4, 1, 3, 2, 1, (byte)model), .. Tlv(4, security), .. scoped]);
    }
}
