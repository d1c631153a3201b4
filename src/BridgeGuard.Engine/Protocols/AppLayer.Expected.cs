using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols;

/// <summary>Flows that another flow arranged.</summary>
public sealed partial class AppLayer
{
    /// <inheritdoc/>
    /// <remarks>
    /// As in Suricata: an arranged connection is known for what it is by its end too, and who was to speak first did not. Of a reset only when its sender is who was to send.
    /// </remarks>
    public void OnSilence(Flow flow, Packet packet, Direction? end)
    {
        if (flow.App != ProtocolId.Unknown)
        {
            return;
        }

        if (Expected.Count > 0)
        {
            MeetExpectation(flow, packet);
        }

        // What is not expected of it any more is no field of its record.
        flow.AppExpected = ProtocolId.Unknown;
        if (flow.Expectation is { } met && (end is null || end == met.Sender))
        {
            packet.AppEvents |= AppLayerEvents.WrongDirectionFirstData;
            flow.AppToServer = flow.AppToClient = met.Protocol;
            Fail(flow);
        }
    }

    /// <summary>The flow's first bytes: was it arranged on another one?</summary>
    private void MeetExpectation(Flow flow, Packet packet)
    {
        if (flow.Expectation is not null)
        {
            return;
        }

        ref readonly FlowKey key = ref flow.Key;
        flow.Expectation = Expected.Take(new ExpectationKey(key.Source, key.Destination, key.DestinationPort, key.Protocol, key.Vlan0), packet.TimeUs)
            ?? Expected.Take(new ExpectationKey(key.Destination, key.Source, key.SourcePort, key.Protocol, key.Vlan0), packet.TimeUs);
        if (flow.Expectation is { } met)
        {
            flow.AppExpected = met.Protocol;
            flow.ParentId = met.ParentId;
            flow.Flags |= FlowFlags.Expected;
        }
    }
}
