using BridgeGuard.Engine.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Packets;

public sealed class PacketEventsTests
{
    [Fact]
    public void EveryMemberHasANameThatLeadsBackToIt()
    {
        foreach (PacketEvent packetEvent in Enum.GetValues<PacketEvent>())
        {
            string? name = PacketEvents.NameOf(packetEvent);
            Assert.NotNull(name);
            Assert.True(PacketEvents.TryFind(name, out PacketEvent found));
            Assert.Equal(packetEvent, found);
        }
    }

    [Theory]
    [InlineData("ipv4.trunc_pkt", PacketEvent.Ipv4TruncatedPacket)]
    [InlineData("too_many_layers", PacketEvent.TooManyLayers)]
    [InlineData("arp.unsupported_opcode", PacketEvent.ArpUnsupportedOpcode)]
    [InlineData("nsh.unknown_payload", PacketEvent.NshUnknownPayload)]
    [InlineData("stream.3whs_synack_in_wrong_direction", PacketEvent.Stream3WhsSynAckInWrongDirection)]
    [InlineData("stream.est_synack_resend_with_different_ack", PacketEvent.StreamEstablishedSynAckResendWithDifferentAck)]
    [InlineData("stream.reassembly_urgent_oob_limit_reached", PacketEvent.StreamReassemblyUrgentOutOfBandLimitReached)]
    public void RuleNamesAreFound(string name, PacketEvent expected)
    {
        Assert.True(PacketEvents.TryFind(name, out PacketEvent found));
        Assert.Equal(expected, found);
    }

    [Fact]
    public void EveNamesTellDecoderAndStreamEventsApart()
    {
        Assert.Equal("decoder.ipv4.trunc_pkt", PacketEvents.EveNameOf(PacketEvent.Ipv4TruncatedPacket));
        Assert.Equal("stream.fin_syn", PacketEvents.EveNameOf(PacketEvent.StreamFinSyn));
        Assert.Equal("fin_syn", PacketEvents.RuleNameOf(PacketEvent.StreamFinSyn));
    }

    [Fact]
    public void ListKeepsOrderAndRepeats()
    {
        PacketEventSet events = default;
        events.Add(PacketEvent.Ipv4OptionPaddingRequired);
        events.Add(PacketEvent.Ipv4OptionInvalidLength);
        events.Add(PacketEvent.Ipv4OptionInvalidLength);
        Assert.Equal(3, events.Count);
        Assert.Equal(PacketEvent.Ipv4OptionPaddingRequired, events[0]);
        Assert.True(events.TryGetNext(-1, out PacketEvent first));
        Assert.Equal(PacketEvent.Ipv4OptionInvalidLength, first);
    }

    [Fact]
    public void ListIsBoundedAndTheSetIsNot()
    {
        PacketEventSet events = default;
        for (int i = 0; i < 40; i++)
        {
            events.Add((PacketEvent)i);
        }

        Assert.Equal(PacketEventSet.MaxListed, events.Count);
        Assert.True(events.Contains((PacketEvent)39));
    }
}
