using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Worker;

/// <summary>What a worker shares with the others of its process.</summary>
public sealed class WorkerEnvironment
{
    public required EngineSettings Settings { get; init; }

    public required IEventSink Events { get; init; }

    /// <summary>Keys the flow hash; the same key gives the same flow ids.</summary>
    public FlowHash FlowHash { get; init; } = new(0, 0);

    /// <summary>Where files go to be scanned; null: hashed only.</summary>
    public IFileSink? FileSink { get; init; }

    public IFileVerdicts? FileVerdicts { get; init; }

    /// <summary>Where files are kept that rules or settings want kept.</summary>
    public IFileStore? FileStore { get; init; }

    /// <summary>Where certificates are kept that rules want kept; null: nowhere.</summary>
    public ICertificateStore? CertificateStore { get; init; }

    /// <summary>Where streams and bodies are logged; null: nowhere.</summary>
    public IDataLog? DataLog { get; init; }

    public ProtocolDetector? Protocols { get; init; }

    public RedirectTable Redirects { get; init; } = new();

    public IGuestDirectory Guests { get; init; } = EmptyGuestDirectory.Instance;

    /// <summary>What workers find out about hosts and tell one another.</summary>
    public SharedState Shared { get; init; } = new();

    /// <summary>Which guest is behind which port.</summary>
    public PortGuests Ports { get; init; } = new();

    /// <summary>Asked at the ticks of the first worker: what a stats record is made of when one is due, else null. Its counters are up to date.</summary>
    public Func<long, StatsSnapshot?>? Stats { get; init; }

    /// <summary>Now, in microseconds since the Unix epoch, as attachments stamp frames: for latency budgets. Null: nobody watches them, and a replay is exact.</summary>
    public Func<long>? Clock { get; init; }

    /// <summary>A monotonic clock with which a sample of rule evaluations is timed; null: costs of rules are not kept.</summary>
    public Func<long>? CostClock { get; init; }
}
