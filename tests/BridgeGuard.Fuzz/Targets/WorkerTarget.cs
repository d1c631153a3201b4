using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;

namespace BridgeGuard.Fuzz.Targets;

/// <summary>The whole packet path, inline and passive in turn: link type in the first byte, then the frame. State lives on from input to input, as on a bridge.</summary>
/// <remarks>Oracle: no fault is caught under the loop, no byte before the frame changes, and none behind it is touched.</remarks>
internal sealed class WorkerTarget : IPacketTarget
{
    private static readonly LinkType[] LinkTypes = Enum.GetValues<LinkType>();

    private readonly PacketWorker[] _workers = [Create(inline: false), Create(inline: true)];
    private readonly GuardedBuffer _guarded = new();
    private long _nowUs = 1_700_000_000_000_000;

    public string Name => "worker";

    public long Packets { get; private set; }

    public IReadOnlyList<byte[]> Seeds()
    {
        List<byte[]> seeds = [.. new DecoderTarget().Seeds()];
        byte ethernet = (byte)Array.IndexOf(LinkTypes, LinkType.Ethernet);
        string golden = CaptureFile.FindTestFolder("golden");
        foreach (string path in Directory.GetFiles(golden, "*.pcap", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            CaptureFile? capture = CaptureFile.TryRead(path, 200);
            if (capture is { LinkType: LinkType.Ethernet })
            {
                seeds.AddRange(capture.Frames.Select(frame => (byte[])[ethernet, .. frame]));
            }
        }

        return seeds;
    }

    public void Run(byte[] input)
    {
        if (input.Length == 0)
        {
            return;
        }

        int length = input.Length - 1;
        _nowUs += 1000;
        foreach (PacketWorker worker in _workers)
        {
            int start = _guarded.Place(input.AsSpan(1));
            FrameInfo info = new() { TimestampUs = _nowUs, LinkType = LinkTypes[input[0] % LinkTypes.Length] };
            worker.Process(_guarded.Array, start, length, in info);
            worker.Injector.Clear();
            Packets++;
            if (worker.Faults != 0)
            {
                throw new InvalidOperationException("A fault was caught under the loop.", worker.LastFault);
            }

            if (Engine.Pools.ByteBuffer.StaleReads != 0)
            {
                throw new InvalidOperationException("A part of a buffer was asked for after the buffer's reset.");
            }

            if (_guarded.IsMarginChanged(start))
            {
                throw new InvalidOperationException("Bytes before the frame were changed.");
            }
        }
    }

    private static PacketWorker Create(bool inline) => new(new WorkerEnvironment
    {
        Settings = new EngineSettings { IsInline = inline, ValidateChecksums = false, Flow = new FlowSettings { MaxFlows = 5000 }, Stream = new StreamSettings { Midstream = true } },
        Events = new NullSink(),
        FlowHash = new FlowHash(1, 2),
    });

    private sealed class NullSink : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }
}
