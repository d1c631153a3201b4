using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Host.Tests.Evasion;

/// <summary>The whole engine, inline, with one rule that drops the attack.</summary>
internal sealed class WorkerInspector : IInspector, IEventSink, IDisposable
{
    private static readonly RuleLoadResult Loaded = RuleLoader.Load(new RuleLoadOptions
    {
        Texts = [("evasion.rules", $"drop tcp any any -> any any (msg:\"attack\"; content:\"{TcpAttack.Mark}\"; sid:1;)")],
    });

    private readonly PacketWorker _worker;
    private long _nowUs = 1_700_000_000_000_000;

    public WorkerInspector()
    {
        Assert.False(Loaded.HasErrors);
        EngineSettings settings = new() { IsInline = true, HostOs = [new HostOsEntry(default, 0, HostOs.Linux)] };
        _worker = new PacketWorker(new WorkerEnvironment { Settings = settings, Events = this })
        {
            Program = new EngineProgram(Loaded.Rules, new CompiledPolicy(PolicyModel.Empty, Loaded.Rules.Rules)),
        };
    }

    /// <summary>The rule has dropped something.</summary>
    public bool Caught { get; private set; }

    public bool Inspect(byte[] frame, bool fromHost)
    {
        ChecksumState checksum = fromHost ? ChecksumState.Partial : ChecksumState.Unknown;
        Verdict verdict = _worker.Process(frame, 0, frame.Length, new FrameInfo { LinkType = LinkType.Ethernet, TimestampUs = _nowUs += 100, Checksum = checksum });
        Assert.Null(_worker.LastFault);
        _worker.Injector.Clear();
        Caught |= verdict.Reason == DropReason.Rules;
        return verdict.Action == VerdictAction.Pass;
    }

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
    }

    public void Dispose() => _worker.Dispose();
}
