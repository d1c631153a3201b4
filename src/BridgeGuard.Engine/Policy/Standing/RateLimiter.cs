using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Policy.Standing;

/// <summary>Token buckets for limited flows: one each for a guest, a peer or a rule. Bounded and direct-mapped; per worker; no allocation.</summary>
/// <remarks>Two keys that meet in one place share its bucket while both are busy: both are slower then, neither is free.</remarks>
public sealed class RateLimiter
{
    public const int Capacity = 1024;

    /// <summary>Bytes or packets that may come at once: a tenth of a second's worth, at least one full segment.</summary>
    private const int BurstShare = 10;

    private const int BurstBytes = 1514;

    private readonly Bucket[] _buckets = new Bucket[Capacity];

    /// <summary>A frame may pass; takes its tokens when so.</summary>
    /// <param name="key">What shares the bucket.</param>
    /// <param name="bytes">Length of the frame.</param>
    public bool Allows(ulong key, int bytes, RateLimitModel rate, long nowUs)
    {
        ref Bucket bucket = ref _buckets[(int)((key * 0x9e3779b97f4a7c15) >> 40) & (Capacity - 1)];
        double packetBurst = Math.Max(1.0, (double)rate.PacketsPerSecond / BurstShare);
        double byteBurst = Math.Max(BurstBytes, (double)rate.BytesPerSecond / BurstShare);
        if (bucket.LastUs == 0)
        {
            bucket.Packets = packetBurst;
            bucket.Bytes = byteBurst;
        }
        else
        {
            double seconds = Math.Max(0, nowUs - bucket.LastUs) / 1e6;
            bucket.Packets = Math.Min(packetBurst, bucket.Packets + (seconds * rate.PacketsPerSecond));
            bucket.Bytes = Math.Min(byteBurst, bucket.Bytes + (seconds * rate.BytesPerSecond));
        }

        bucket.LastUs = nowUs;

        // A super-packet is as long as many frames: it passes on credit, and the next one waits.
        if ((rate.PacketsPerSecond > 0 && bucket.Packets < 1) || (rate.BytesPerSecond > 0 && bucket.Bytes < Math.Min(bytes, byteBurst)))
        {
            return false;
        }

        bucket.Packets -= 1;
        bucket.Bytes -= bytes;
        return true;
    }

    private struct Bucket
    {
        public long LastUs;
        public double Packets;
        public double Bytes;
    }
}
