using System.Text;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Tests.Protocols.Ldap;

/// <summary>Messages put together by hand from RFC 4511.</summary>
internal static class LdapSamples
{
    public const string StartTls = "1.3.6.1.4.1.1466.20037";

    public static byte[] Tlv(int tag, params byte[] content) => content.Length < 128
        ? [(byte)tag, (byte)content.Length, .. content]
        : [(byte)tag, 0x82, (byte)(content.Length >> 8), (byte)content.Length, .. content];

    public static byte[] Text(string text) => Tlv(4, Encoding.Latin1.GetBytes(text));

    public static byte[] Tagged(int number, string text) => Tlv(0x80 | number, Encoding.Latin1.GetBytes(text));

    public static byte[] Message(int id, int operation, params byte[] content) => Tlv(0x30, [2, 1, (byte)id, .. Tlv(0x60 | operation, content)]);

    public static byte[] Result(int id, int operation, int code, string dn = "", string message = "", params byte[] more) =>
        Message(id, operation, [10, 1, (byte)code, .. Text(dn), .. Text(message), .. more]);

    public static byte[] Bind(int id) => Message(id, 0, [2, 1, 3, .. Text("cn=admin"), .. Tagged(0, "pw")]);

    public static byte[] Search(int id) => Message(
        id, 3, [.. Text("dc=example"), 10, 1, 2, 10, 1, 0, 2, 1, 100, 2, 1, 30, 1, 1, 0, .. Tagged(7, "objectClass"), .. Tlv(0x30, [.. Text("cn"), .. Text("mail")])]);

    public static byte[] Entry(int id, string dn) => Message(
        id, 4, [.. Text(dn), .. Tlv(0x30, Tlv(0x30, [.. Text("sn"), .. Tlv(0x31, [.. Text("a"), .. Text("b")])]))]);

    public static Turn Client(params byte[] bytes) => new(Direction.ToServer, bytes);

    public static Turn Server(params byte[] bytes) => new(Direction.ToClient, bytes);
}
