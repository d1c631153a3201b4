using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge.Decisions;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Daemon.Plane;

/// <summary>What of the policy in force the kernel carries out by itself, so that decided traffic does not come to the workers.</summary>
internal sealed class KernelSide : IDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(20);

    private readonly KernelPolicy _policy;
    private readonly KernelGuard _guard;
    private readonly IWireAttachment _attachment;
    private readonly GuestTable _guests;
    private readonly Func<EngineProgram> _program;
    private readonly Action<string> _warn;
    private readonly Timer _looks;
    private readonly Timer _soon;
    private int _isDue;

    /// <param name="decisions">The kernel's maps.</param>
    /// <param name="attachment">Whose ports they are about.</param>
    /// <param name="guests">Who is behind them.</param>
    /// <param name="program">What is in force.</param>
    /// <param name="warn">For the operator, a line each.</param>
    public KernelSide(BridgeDecisions decisions, IWireAttachment attachment, GuestTable guests, Func<EngineProgram> program, Action<string> warn)
    {
        (_attachment, _guests, _program, _warn) = (attachment, guests, program, warn);
        _policy = new KernelPolicy(decisions);
        _guard = new KernelGuard(decisions, attachment.ReadCounters);
        _looks = new Timer(_ => Look(), null, LookEvery, LookEvery);
        _soon = new Timer(_ =>
        {
            Volatile.Write(ref _isDue, 0);
            Enforce();
        });
    }

    /// <summary>Guests, roles, actions or ports have changed.</summary>
    public void Enforce()
    {
        EngineProgram program = _program();
        (PortInfo, ushort)[] ports = [.. _attachment.Ports.All.Select(port => (port, _guests.Ports.Find(port.PortId)))];
        _policy.Enforce(program, ports, (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond);
        _guard.Apply(program, ports);
    }

    /// <summary>The same in a moment, on another thread: ports come in numbers, and the one who attaches them must not wait. Until then the engine does it.</summary>
    public void EnforceSoon()
    {
        if (Interlocked.Exchange(ref _isDue, 1) == 0)
        {
            _soon.Change(Soon, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>When it returns nothing here touches the maps any more.</summary>
    public void Dispose() => Task.WaitAll(_looks.DisposeAsync().AsTask(), _soon.DisposeAsync().AsTask());

    private void Look()
    {
        foreach (ushort id in _guard.Look(Environment.TickCount64))
        {
            _warn($"{_attachment.Ports.Find(id)?.Name}: its guest floods with addresses that are not its own; the kernel drops those frames for {KernelGuard.HoldMs / 1000} s");
        }
    }
}
