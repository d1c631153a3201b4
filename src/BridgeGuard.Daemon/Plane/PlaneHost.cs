using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Events;
using BridgeGuard.Scanning.WireFiles;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The data plane's process: engine and attachment, a control socket, rings in shared memory. It knows nothing of outputs and outlives its daemon.</summary>
public static class PlaneHost
{
    /// <summary>Runs until it is told to stop; gives the exit code. Errors of the start are one line each on <paramref name="errors"/>.</summary>
    /// <param name="model">The configuration, the same as the daemon's.</param>
    /// <param name="start">What the daemon says of this data plane.</param>
    /// <param name="errors">Shared with the daemon.</param>
    public static async Task<int> RunAsync(DaemonModel model, PlaneStart start, TextWriter errors)
    {
        // A Ctrl-C on the daemon's terminal is for the daemon.
        OwnSession.Begin();
        var folder = new RunFolder(model.RunDirectory);
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using ILoggerFactory loggers = LoggerFactory.Create(DaemonLog.Configure);
        if (model.ReducesPrivileges && SystemCallFilter.Apply(startsPrograms: model.Attach == AttachWay.Nfqueue) is { } problem)
        {
            await errors.WriteLineAsync($"bridgeguard: the data plane may make more system calls than it needs: {problem}");
        }

        var guests = new GuestTable();
        var programs = new ProgramSource(model, loggers.CreateLogger<ProgramSource>());
        try
        {
            folder.Create();
            var sinks = new List<WorkerEventSink>();
            IEventSink Open(int worker)
            {
                var sink = new WorkerEventSink(CreateRing(folder, RunFolder.EventKind, start.Generation, worker, model.Events.RingBytes), model.Events.WhenFull, model.Events.WaitMs);
                sinks.Add(sink);
                return sink;
            }

            FileChannelClient? files = model.Scanning.Enabled ? new FileChannelClient(loggers.CreateLogger<FileChannelClient>()) : null;
            using FilePort? port = files is null ? null : new FilePort(folder.FileSocketOf(start.Generation), files);
            using var plane = new LocalPlane(model, programs, Border(model, folder, start, Open, files), guests, loggers.CreateLogger<LocalPlane>(), start.Device);
            plane.Commands.Add("status", _ => JsonSerializer.SerializeToNode(Complete(plane.Status, start, sinks, files), PlaneStatus.Json));
            plane.Commands.Add("reload", body =>
            {
                JsonObject answer = plane.Reload(body);
                if (answer["loaded"]!.GetValue<bool>() && body?["identity"]?.GetValue<string>() is { } identity)
                {
                    start = start with { Identity = identity };
                }

                return answer;
            });
            plane.Commands.Add("stop", body =>
            {
                plane.StopsClean |= body?["clean"]?.GetValue<bool>() ?? false;
                stop.TrySetResult();
                return null;
            });
            plane.Ended += () => stop.TrySetResult();
            using var server = new PlaneServer(folder.SocketOf(start.Generation), plane.Commands);
            plane.PortChanged += server.Tell;
            using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
            {
                context.Cancel = true;
                stop.TrySetResult();
            });
            plane.Open();
            if (!programs.TryLoad(out IReadOnlyList<string> ruleErrors))
            {
                foreach (string error in ruleErrors)
                {
                    await errors.WriteLineAsync(error);
                }

                return ExitCodes.BadRules;
            }

            WarmUp.Run(model.Engine, programs.Program);
            await plane.StartAsync(CancellationToken.None);
            server.Tell("ready", null);
            await stop.Task;
            await plane.StopAsync(CancellationToken.None);
            return plane.Error is null ? ExitCodes.Ok : ExitCodes.Failure;
        }
        catch (StartupException e)
        {
            await errors.WriteLineAsync($"bridgeguard: {e.Message}");
            return e.ExitCode;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
        {
            await errors.WriteLineAsync($"bridgeguard: {model.RunDirectory}: {e.Message}");
            return ExitCodes.Failure;
        }
    }

    private static PlaneBorder Border(DaemonModel model, RunFolder folder, PlaneStart start, Func<int, IEventSink> events, FileChannelClient? files)
    {
        KeepingModel keeping = model.Keeping;
        return new PlaneBorder(events, files, files)
        {
            KeepingOf = worker => keeping.HasFiles
                ? new WorkerKeeping(
                    CreateRing(folder, RunFolder.KeptKind, start.Generation, worker, keeping.FileRingBytes),
                    start.Generation, worker, model.AllWorkers, keeping.Files?.MaxOpenFiles ?? 1)
                : null,
            FramesOf = worker => new FrameRingLog(CreateRing(folder, RunFolder.FrameKind, start.Generation, worker, keeping.FrameRingBytes), worker),
        };
    }

    private static EventRing CreateRing(RunFolder folder, string kind, long generation, int worker, int bytes)
    {
        EventRing? ring = null;
        MappedFile.Create(folder.RingOf(kind, generation, worker), EventRing.HeadBytes + bytes, memory => ring = EventRing.Create(memory));
        return ring!;
    }

    private static PlaneStatus Complete(PlaneStatus status, PlaneStart start, List<WorkerEventSink> sinks, FileChannelClient? files) => status with
    {
        Generation = start.Generation,
        Identity = start.Identity,
        Device = start.Device.Name,
        FilesRefused = files is null ? 0 : files.Counters.RefusedOpens + files.Counters.RefusedAppends,
        RingWaits = sinks.Sum(sink => sink.Waits),
        RingWaitedMs = sinks.Sum(sink => sink.WaitedMs),
    };
}

/// <summary>What a daemon says to the data plane that it starts.</summary>
/// <param name="Generation">Its number in the run directory.</param>
/// <param name="Identity">Program and configuration, for the daemon that finds it running.</param>
/// <param name="Device">Its punt device.</param>
public sealed record PlaneStart(long Generation, string Identity, PuntDeviceName Device);
