using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Worker;

/// <summary>IP fragments and checksums: what happens between the decoder and the flow.</summary>
public sealed partial class PacketWorker
{
    /// <summary>A fragment waits, and is inspected as the packet it is; the one that completes its datagram brings the whole one with it.</summary>
    /// <remarks>The defragmenter goes first, because rules may ask for what it finds. A verdict on the whole is one on the fragment that completed it: without it the host has nothing.</remarks>
    private void HandleFragment(Packet fragment)
    {
        DefragResult result = _defragmenter.Process(fragment, out Packet? rebuilt);
        switch (result)
        {
            case DefragResult.Overlap:
                fragment.Drop(DropReason.DefragError);
                break;
            case DefragResult.NoMemory:
                ExceptionPolicies.Apply(fragment, null, ExceptionCause.DefragMemcap, _settings.Defrag.MemcapPolicy, Counters);
                break;
        }

        Inspect(fragment);
        if (rebuilt is null)
        {
            return;
        }

        _decoder.DecodeRebuilt(rebuilt, _inner);
        Handle(rebuilt);
        if (rebuilt.Action == VerdictAction.Drop)
        {
            fragment.Reject |= rebuilt.Reject;
            fragment.Drop(DropReason.TunnelPacketDrop);
        }
    }

    /// <summary>
    /// Only TCP: a segment with a bad sum never enters a stream. Other protocols are judged by the rules that ask. Inline the IP header counts as well: no host
    /// takes such a packet, so its reset or FIN must not end a connection here.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private void ValidateChecksum(Packet packet)
    {
        if (_settings.ValidateChecksums && packet.IsTcp && !(Checksums.IsTransportValid(packet) && (!_settings.IsInline || Checksums.IsIpv4Valid(packet))))
        {
            packet.Flags |= PacketFlags.BadChecksum;
        }
    }
}
