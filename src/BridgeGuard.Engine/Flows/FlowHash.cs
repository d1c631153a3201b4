using System.Numerics;
using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Flows;

/// <summary>Keyed, symmetric hash of a flow key: both orientations give the same number, and who does not know the key cannot aim at a bucket.</summary>
/// <remarks>
/// SipHash-1-3 (Aumasson, Bernstein 2012) over the words of the key with the two ends in a fixed order. It is a pseudo-random function under its
/// 128-bit key, which plain AES rounds are not without care, and gives the same numbers on every processor, so that a replay with the same key has the
/// same flow ids everywhere. Thread: any.
/// </remarks>
public readonly struct FlowHash(ulong key0, ulong key1)
{
    /// <summary>Mixes in where the id sequence of a run starts.</summary>
    internal ulong IdSeed => key0 ^ BitOperations.RotateLeft(key1, 32);

    /// <summary>64 bits; equal for <paramref name="key"/> and its reverse.</summary>
    /// <remarks>
    /// The first word says which words follow (family, environment), so no two keys give the same words. What nearly all traffic lacks (VLANs, tunnels, a
    /// second bridge) costs nothing: an IPv4 flow is two words.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    public ulong Compute(in FlowKey key)
    {
        ulong vlans = ((ulong)key.Vlan0 << 48) | ((ulong)key.Vlan1 << 32) | ((ulong)key.Vlan2 << 16) | key.BridgeId;
        ulong tunnel = ((ulong)key.TunnelDepth << 32) | key.TunnelId;
        ulong head = ((ulong)key.Protocol << 56) | ((ulong)key.IpVersion << 49);
        if (key.IpVersion != 4 || (vlans | tunnel) != 0)
        {
            return ComputeLong(in key, head, vlans, tunnel);
        }

        ulong source = ((ulong)key.Source.V4 << 16) | key.SourcePort;
        ulong destination = ((ulong)key.Destination.V4 << 16) | key.DestinationPort;
        return ComputeShort(key0, key1, head | Math.Min(source, destination), Math.Max(source, destination));
    }

    /// <summary>64 bits for what is kept about one or two hosts.</summary>
    /// <param name="head">What is kept.</param>
    /// <param name="first">A host.</param>
    /// <param name="second">Another, or none.</param>
    /// <param name="tail">More of what is kept.</param>
    internal ulong Combine(ulong head, IpAddress first, IpAddress second, ulong tail)
    {
        Sip sip = new(key0, key1);
        sip.Add(head);
        sip.Add(first.High);
        sip.Add(first.Low);
        sip.Add(second.High);
        sip.Add(second.Low);
        sip.Add(tail);
        return sip.Finish();
    }

    /// <summary>A method of its own: here the state stays in registers. Inlined into a long one it lives in memory, and the rounds cost three times as much.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong ComputeShort(ulong key0, ulong key1, ulong first, ulong second)
    {
        Sip sip = new(key0, key1);
        sip.Add(first);
        sip.Add(second);
        return sip.Finish();
    }

    private ulong ComputeLong(in FlowKey key, ulong head, ulong vlans, ulong tunnel)
    {
        Sip sip = new(key0, key1);
        bool hasEnvironment = (vlans | tunnel) != 0;
        head |= hasEnvironment ? 1UL << 48 : 0;
        if (key.IpVersion == 4)
        {
            ulong source = ((ulong)key.Source.V4 << 16) | key.SourcePort;
            ulong destination = ((ulong)key.Destination.V4 << 16) | key.DestinationPort;
            sip.Add(head | Math.Min(source, destination));
            sip.Add(Math.Max(source, destination));
        }
        else
        {
            bool ordered = IsOrdered(in key);
            ulong lowPort = ordered ? key.SourcePort : key.DestinationPort;
            ulong highPort = ordered ? key.DestinationPort : key.SourcePort;
            IpAddress low = ordered ? key.Source : key.Destination;
            IpAddress high = ordered ? key.Destination : key.Source;
            sip.Add(head | (lowPort << 16) | highPort);
            sip.Add(low.High);
            sip.Add(low.Low);
            sip.Add(high.High);
            sip.Add(high.Low);
        }

        if (hasEnvironment)
        {
            sip.Add(vlans);
            sip.Add(tunnel);
        }

        return sip.Finish();
    }

    private static bool IsOrdered(in FlowKey key)
    {
        int compared = key.Source.CompareTo(key.Destination);
        return compared < 0 || (compared == 0 && key.SourcePort <= key.DestinationPort);
    }

    private ref struct Sip(ulong key0, ulong key1)
    {
        private ulong _v0 = key0 ^ 0x736f6d6570736575;
        private ulong _v1 = key1 ^ 0x646f72616e646f6d;
        private ulong _v2 = key0 ^ 0x6c7967656e657261;
        private ulong _v3 = key1 ^ 0x7465646279746573;

        [MethodImpl(MethodImplOptions.AggressiveInlining)] // Twice per packet; the pipeline bench: a call per round costs 30 ns a packet.
        public void Add(ulong word)
        {
            _v3 ^= word;
            Round();
            _v0 ^= word;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)] // As above.
        public ulong Finish()
        {
            _v2 ^= 0xff;
            Round();
            Round();
            Round();
            return _v0 ^ _v1 ^ _v2 ^ _v3;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)] // As above.
        private void Round()
        {
            _v0 += _v1;
            _v1 = BitOperations.RotateLeft(_v1, 13) ^ _v0;
            _v0 = BitOperations.RotateLeft(_v0, 32);
            _v2 += _v3;
            _v3 = BitOperations.RotateLeft(_v3, 16) ^ _v2;
            _v0 += _v3;
            _v3 = BitOperations.RotateLeft(_v3, 21) ^ _v0;
            _v2 += _v1;
            _v1 = BitOperations.RotateLeft(_v1, 17) ^ _v2;
            _v2 = BitOperations.RotateLeft(_v2, 32);
        }
    }
}
