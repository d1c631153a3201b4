using System.Numerics;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Flows;

/// <summary>Keyed, symmetric hash of a flow key: both orientations give the same number, and who does not know the key cannot aim at a bucket.</summary>
/// <remarks>
/// SipHash-1-3 (Aumasson, Bernstein 2012) over the key's words with the two ends in a fixed order. It is a pseudo-random function under its
/// 128-bit key, which plain AES rounds are not without care, and gives the same numbers on every processor, so that a replay with the same key has the
/// same flow ids everywhere. Thread: any.
/// </remarks>
public readonly struct FlowHash(ulong key0, ulong key1)
{
    /// <summary>Mixes in where the id sequence of a run starts.</summary>
    internal ulong IdSeed => key0 ^ BitOperations.RotateLeft(key1, 32);

    /// <summary>64 bits; equal for <paramref name="key"/> and its reverse.</summary>
    public ulong Compute(in FlowKey key)
    {
        Sip sip = new(key0, key1);
        bool ordered = IsOrdered(in key);
        ulong sourcePort = ordered ? key.SourcePort : key.DestinationPort;
        ulong destinationPort = ordered ? key.DestinationPort : key.SourcePort;
        IpAddress low = ordered ? key.Source : key.Destination;
        IpAddress high = ordered ? key.Destination : key.Source;
        sip.Add((sourcePort << 48) | (destinationPort << 32) | ((ulong)key.Protocol << 24) | ((ulong)key.IpVersion << 16)
            | ((ulong)key.TunnelDepth << 8));
        if (key.IpVersion == 4)
        {
            sip.Add(((ulong)low.V4 << 32) | high.V4);
        }
        else
        {
            sip.Add(low.High);
            sip.Add(low.Low);
            sip.Add(high.High);
            sip.Add(high.Low);
        }

        sip.Add(((ulong)key.Vlan0 << 48) | ((ulong)key.Vlan1 << 32) | ((ulong)key.Vlan2 << 16) | key.BridgeId);
        sip.Add(key.TunnelId);
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

        public void Add(ulong word)
        {
            _v3 ^= word;
            Round();
            _v0 ^= word;
        }

        public ulong Finish()
        {
            _v2 ^= 0xff;
            Round();
            Round();
            Round();
            return _v0 ^ _v1 ^ _v2 ^ _v3;
        }

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
