using System.Text;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Tests.Protocols.Mqtt;

/// <summary>Control packets put together by hand from the OASIS texts.</summary>
internal static class MqttSamples
{
    public static byte[] Text(string text) => [(byte)(text.Length >> 8), (byte)text.Length, .. Encoding.Latin1.GetBytes(text)];

    public static byte[] Packet(int type, int flags, params byte[] body)
    {
        List<byte> packet = [(byte)((type << 4) | flags)];
        int length = body.Length;
        do
        {
            packet.Add((byte)((length & 0x7f) | (length > 127 ? 0x80 : 0)));
            length >>= 7;
        }
        while (length > 0);
        return [.. packet, .. body];
    }

    public static byte[] Properties(params byte[] list) => [(byte)list.Length, .. list];

    public static byte[] Connect5 { get; } = Packet(1, 0,
    [
        .. Text("MQTT"), 5, 0xe6, 0, 60,
        .. Properties([0x21, 0, 20, 0x26, .. Text("k"), .. Text("v")]),
        .. Text("client"),
        .. Properties(0x18, 0, 0, 0, 4), .. Text("last/topic"), .. Text("last words"),
        .. Text("user"), .. Text("secret"),
    ]);

    public static byte[] ConnAck5 { get; } = Packet(2, 0, [1, 0, .. Properties(0x22, 0, 10)]);

    public static byte[] Connect4 { get; } = Packet(1, 0, [.. Text("MQTT"), 4, 2, 0, 60, .. Text("c")]);

    public static byte[] ConnAck4 { get; } = Packet(2, 0, 0, 0);

    public static Turn Client(params byte[] bytes) => new(Direction.ToServer, bytes);

    public static Turn Server(params byte[] bytes) => new(Direction.ToClient, bytes);
}
