using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Files;

namespace BridgeGuard.Daemon.Plane;

/// <summary>Where what workers produce goes: rings and sinks of this process, or memory shared with the daemon's.</summary>
/// <param name="EventsOf">The sink of a worker's events; called once for each.</param>
/// <param name="Files">Where files go to be scanned; null: hashed only.</param>
/// <param name="Verdicts">Who knows what files are; null: nobody.</param>
public sealed record PlaneBorder(Func<int, IEventSink> EventsOf, IFileSink? Files, IFileVerdicts? Verdicts)
{
    /// <summary>Where a worker's files and certificates go that are to be kept; null: nowhere. Called once for each.</summary>
    internal Func<int, WorkerKeeping?> KeepingOf { get; init; } = _ => null;

    /// <summary>Where a worker's frames go that are to be kept; null: nowhere. Called once for each.</summary>
    internal Func<int, IFrameLog?> FramesOf { get; init; } = _ => null;
}
