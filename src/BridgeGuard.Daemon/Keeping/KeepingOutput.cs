using System.Buffers.Binary;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Outputs;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>Writes what comes out of the keeping rings: files, certificates, frames. On a pump of its own, so that a slow disk holds up no event.</summary>
/// <remarks>Thread: the pump's; counters may be read by any.</remarks>
internal sealed partial class KeepingOutput : IOutput
{
    private const int EndBytes = 8 + 1 + 32;
    private const long SayEveryMs = 10_000;

    private readonly KeptFiles? _files;
    private readonly string? _certificateFolder;
    private readonly PacketLogFiles? _frames;
    private readonly ILogger _logger;
    private CertificateStore? _certificates;
    private long _certificateErrors;
    private long _saidMs = -SayEveryMs;
    private long _problems;
    private IReadOnlySet<uint>? _dead;
    private volatile bool _isRotating;

    public KeepingOutput(KeepingModel model, ILogger logger)
    {
        _files = model.Files is { } files ? new KeptFiles(files) : null;
        _certificateFolder = model.CertificateFolder;
        _frames = model.Packets is { } packets ? new PacketLogFiles(packets) : null;
        _logger = logger;
    }

    public string Name => "keeping";

    public EventFilter Filter { get; } = new();

    public OutputCounters Counters { get; } = new();

    public long FilesStored => _files?.Stored ?? 0;

    public long FileErrors => _files?.Errors ?? 0;

    public long CertificateErrors => _certificateErrors + (_certificates?.Errors ?? 0);

    public long FramesWritten => _frames?.Written ?? 0;

    public long FramesLost => _frames?.Lost ?? 0;

    public bool IsSettled => _frames?.IsSettled ?? true;

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        switch ((KeptRecord)header.OutputIndex)
        {
            case KeptRecord.FileBytes when json.Length > sizeof(long):
                _files?.Append(header.FlowId, BinaryPrimitives.ReadInt64LittleEndian(json), json[sizeof(long)..]);
                break;
            case KeptRecord.FileEnd when json.Length == EndBytes:
                _files?.End(header.FlowId, BinaryPrimitives.ReadInt64LittleEndian(json), json[8] != 0, json[9..]);
                break;
            case KeptRecord.Chain:
                StoreChain(json);
                break;
            case KeptRecord.Frame:
                _frames?.Append(header.TimestampUs, (LinkType)header.SignatureId, json);
                break;
        }
    }

    public void EndBatch(bool isIdle)
    {
        if (Interlocked.Exchange(ref _dead, null) is { } dead)
        {
            _files?.Forget(dead.Contains);
        }

        if (_isRotating)
        {
            _isRotating = false;
            _frames?.Close();
        }
        else if (isIdle)
        {
            _frames?.Flush();
        }

        long problems = FileErrors + CertificateErrors + FramesLost;
        if (problems != _problems && Environment.TickCount64 - _saidMs >= SayEveryMs)
        {
            _saidMs = Environment.TickCount64;
            _problems = problems;
            Log.Failed(_logger, _files?.Problem ?? _frames?.Problem ?? _certificateFolder ?? "", FileErrors, CertificateErrors, FramesLost);
        }
    }

    /// <summary>What data planes that are gone have begun is removed at the next batch. Any thread.</summary>
    public void Forget(IReadOnlySet<uint> dead)
    {
        IReadOnlySet<uint>? before = Interlocked.Exchange(ref _dead, null);
        Volatile.Write(ref _dead, before is null ? dead : dead.Union(before).ToHashSet());
    }

    /// <summary>What data planes before those have begun is removed. Before the pump starts.</summary>
    public void RemoveAllBut(IReadOnlySet<uint> alive) => _files?.Forget(generation => !alive.Contains(generation));

    /// <inheritdoc/>
    public void Reopen() => _isRotating = true;

    public ValueTask DisposeAsync()
    {
        _frames?.Dispose();
        _files?.Dispose();
        return ValueTask.CompletedTask;
    }

    private void StoreChain(ReadOnlySpan<byte> bytes)
    {
        if (_certificateFolder is null || ChainRecord.TryRead(bytes) is not { } chain)
        {
            return;
        }

        try
        {
            _certificates ??= new CertificateStore(_certificateFolder);
            _certificates.Store(chain.Packet, chain.Flow, chain);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            _certificateErrors++;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(530, LogLevel.Error, "what is to be kept cannot be written: {Problem} ({Files} files, {Certificates} chains, {Frames} frames lost so far)")]
        public static partial void Failed(ILogger logger, string problem, long files, long certificates, long frames);
    }
}
