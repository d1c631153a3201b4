using System.Buffers.Binary;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Tests.Streams;
using Xunit;

namespace BridgeGuard.Engine.Tests.Events;

public sealed class SyntheticPacketTests
{
    [Theory]
    [InlineData(Direction.ToServer)]
    [InlineData(Direction.ToClient)]
    public void PortsStandWithTheirAddresses(Direction direction)
    {
        var bench = new TcpBench();
        bench.Handshake();
        Flow flow = bench.LastFlow!;
        FlowKey key = direction == Direction.ToServer ? flow.Key : flow.Key.Reversed();
        var packet = new Packet
        {
            IpVersion = 4, Direction = direction, SourceAddress = key.Source, DestinationAddress = key.Destination, SourcePort = key.SourcePort, DestinationPort = key.DestinationPort,
        };
        Span<byte> bytes = stackalloc byte[SyntheticPacket.MaxBytes];
        Assert.Equal(40, SyntheticPacket.Write(packet, flow, bytes));
        Assert.Equal(key.SourcePort, BinaryPrimitives.ReadUInt16BigEndian(bytes[20..]));
        Assert.Equal(key.DestinationPort, BinaryPrimitives.ReadUInt16BigEndian(bytes[22..]));
        Assert.Equal(flow.Tcp!.StreamOf(direction).NextSequence, BinaryPrimitives.ReadUInt32BigEndian(bytes[24..]));
    }
}
