using System.Buffers.Binary;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;

namespace BridgeGuard.Fuzz.Targets;

/// <summary>Decoder and defragmenter with state: an input is a list of frames, each behind its length in two bytes.</summary>
internal sealed class DefragmenterTarget : IPacketTarget
{
    private const long Cap = 1 << 20;

    private readonly PacketDecoder _decoder = new(new DecoderSettings());
    private readonly PacketQueue _inner = new();
    private readonly Packet _packet = new();
    private readonly Defragmenter _defragmenter = new(new DefragSettings { MemcapBytes = Cap, MaxTrackers = 300, MaxFragments = 2000 }, [], true, new FlowHash(1, 2));
    private readonly GuardedBuffer _guarded = new();
    private long _nowUs = 1;

    public string Name => "defragmenter";

    public long Packets { get; private set; }

    public IReadOnlyList<byte[]> Seeds()
    {
        byte[] data = Fragments.UdpData(new byte[72]);
        byte[] Both(Func<int, bool, byte[], byte[]> make) =>
            Join(make(0, true, data[..32]), make(32, true, data[32..56]), make(56, false, data[56..]));
        return
        [
            Both((offset, more, bytes) => Fragments.V4(1, offset, more, bytes)),
            Both((offset, more, bytes) => Fragments.V6(1, offset, more, bytes)),
            Join(Fragments.V4(2, 32, true, data[32..56]), Fragments.V4(2, 24, true, data[24..56]), Fragments.V4(2, 56, false, data[56..]), Fragments.V4(2, 0, true, data[..32])),
            Join(FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.IpInIp, Fragments.V4(3, 0, true, data[..32]).AsSpan(14)), FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.IpInIp, Fragments.V4(3, 32, false, data[32..]).AsSpan(14))),
            Join(Fragments.V6(4, 0, true, data[..32], 17, [44, 0, 1, 4, 0, 0, 0, 0]), Fragments.V6(4, 32, false, data[32..], 17, [44, 0, 1, 4, 0, 0, 0, 0])),
        ];
    }

    public void Run(byte[] input)
    {
        ReadOnlySpan<byte> rest = input;
        while (rest.Length >= 2)
        {
            int length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(rest), rest.Length - 2);
            int start = _guarded.Place(rest.Slice(2, length));
            rest = rest[(2 + length)..];
            _nowUs += 500_000;
            Packets++;
            _packet.Reset(_guarded.Array, start, length, new FrameInfo { LinkType = LinkType.Ethernet, TimestampUs = _nowUs });
            _decoder.Decode(_packet, _inner);
            Handle(_packet);
            for (int i = 0; i < _inner.Count; i++)
            {
                Handle(_inner[i]);
            }
        }

        if (_defragmenter.UsedBytes > Cap || _defragmenter.Waiting > 300)
        {
            throw new InvalidOperationException("A limit of the defragmenter was exceeded.");
        }
    }

    private static byte[] Join(params byte[][] frames) =>
        [.. frames.SelectMany(frame => (byte[])[(byte)(frame.Length >> 8), (byte)frame.Length, .. frame])];

    private void Handle(Packet packet)
    {
        Decoding.Check(packet);
        if (!packet.Has(PacketFlags.Fragment) || packet.IpVersion == 0 || _defragmenter.Process(packet, out Packet? rebuilt) != DefragResult.Rebuilt)
        {
            return;
        }

        _decoder.DecodeRebuilt(rebuilt!, _inner);
        Decoding.Check(rebuilt!);
        if (rebuilt!.Has(PacketFlags.Fragment))
        {
            Handle(rebuilt);
        }
    }
}
