using System.Buffers.Binary;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Mqtt;

namespace BridgeGuard.Engine.Tests.Protocols.Mqtt;

/// <summary>MQTT 3.1.1 and 5.0 conversations.</summary>
public sealed class MqttConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new MqttProtocol();

    protected override void Renumber(byte[] turn, uint number)
    {
        int id = (turn[0] >> 4) switch
        {
            3 => 4 + turn[3],
            8 or 10 => 2,
            _ => 0,
        };
        if (id > 0 && turn.Length > id + 2)
        {
            BinaryPrimitives.WriteUInt16BigEndian(turn.AsSpan(id), (ushort)number);
        }
    }

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            MqttSamples.Client(MqttSamples.Connect5),
            MqttSamples.Server(MqttSamples.ConnAck5),
            MqttSamples.Client(MqttSamples.Packet(3, 0xd, [.. MqttSamples.Text("a/b"), 0, 7, .. MqttSamples.Properties(1, 1), .. "payload"u8])),
            MqttSamples.Server(MqttSamples.Packet(5, 0, 0, 7, 16)),
            MqttSamples.Client(MqttSamples.Packet(6, 2, 0, 7)),
            MqttSamples.Server(MqttSamples.Packet(7, 0, [0, 7, 0x92, .. MqttSamples.Properties([0x1f, .. MqttSamples.Text("why")])])),
            MqttSamples.Client(MqttSamples.Packet(8, 2, [0, 9, 0, .. MqttSamples.Text("a/#"), 1, .. MqttSamples.Text("c"), 2])),
            MqttSamples.Server(MqttSamples.Packet(9, 0, 0, 9, 0, 1, 0x80)),
            MqttSamples.Client(MqttSamples.Packet(14, 0, [4, .. MqttSamples.Properties([0x1f, .. MqttSamples.Text("bye")])])),
        ],
        [
            MqttSamples.Client([.. MqttSamples.Connect4, .. MqttSamples.Packet(12, 0)]),
            MqttSamples.Server([.. MqttSamples.ConnAck4, .. MqttSamples.Packet(13, 0)]),
            MqttSamples.Client(MqttSamples.Packet(10, 2, [0, 3, .. MqttSamples.Text("x"), .. MqttSamples.Text("y")])),
            MqttSamples.Server(MqttSamples.Packet(11, 0, 0, 3)),
        ],
    ];
}
