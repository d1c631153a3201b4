using System.Net.Sockets;
using BridgeGuard.Engine.Events;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Outputs.EveFile;

/// <summary>Writes EVE lines to a file, a unix socket or standard output.</summary>
/// <remarks>
/// Lines wait in one buffer and go out in blocks. When the disk is full or the reader away, the buffer grows to its limit, then new lines
/// are dropped and counted; it tries again every <see cref="EveFileOptions.RetryInterval"/> and says once when it fails and when it works again.
/// </remarks>
public sealed partial class EveFileOutput : IOutput
{
    private readonly EveFileOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly LineTarget _target;
    private byte[] _pending;
    private int _pendingLength;
    private long _pendingEvents;
    private long _lastFlush;
    private long _failedAt;
    private bool _isOpen;
    private bool _isFailing;
    private bool _isMidLine;
    private long _droppedAtFailure;
    private volatile bool _mustReopen;

    /// <exception cref="IOException">A regular file cannot be made: better told at start than found out later.</exception>
    public EveFileOutput(EveFileOptions options, ILogger? logger = null, TimeProvider? time = null)
    {
        _options = options;
        _logger = logger ?? NullLogger.Instance;
        _time = time ?? TimeProvider.System;
        _pending = new byte[Math.Max(4096, options.BufferBytes)];
        _target = options.Type switch
        {
            EveFileType.Regular => new FileTarget(options.Path, options.Append),
            EveFileType.UnixStream => new SocketTarget(options.Path, isDatagram: false),
            EveFileType.UnixDatagram => new SocketTarget(options.Path, isDatagram: true),
            _ => new StandardOutputTarget(),
        };
        if (!_target.IsConnection)
        {
            _target.Open();
            _isOpen = true;
        }
    }

    public string Name => _options.Name;

    public EventFilter Filter => _options.Filter;

    public OutputCounters Counters { get; } = new();

    /// <summary>Bytes waiting.</summary>
    public int PendingBytes => Volatile.Read(ref _pendingLength);

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        int needed = json.Length + 1;
        if (_pendingLength + needed > _pending.Length && !MakeRoom(needed))
        {
            Counters.AddDropped(1);
            return;
        }

        json.CopyTo(_pending.AsSpan(_pendingLength));
        _pending[_pendingLength + json.Length] = (byte)'\n';
        Volatile.Write(ref _pendingLength, _pendingLength + needed);
        _pendingEvents++;
    }

    public void EndBatch(bool isIdle)
    {
        if (_mustReopen)
        {
            _mustReopen = false;
            Flush();
            _isOpen = false;
        }

        if (_pendingLength > 0 && (isIdle || _time.GetElapsedTime(_lastFlush) >= _options.FlushInterval))
        {
            Flush();
        }
        else if (!_isOpen && !_target.IsConnection)
        {
            Flush(); // So that a rotated file exists again even if nothing happens.
        }
    }

    public bool IsSettled => _pendingLength == 0 || _isFailing;

    public void Reopen() => _mustReopen = true;

    public ValueTask DisposeAsync()
    {
        _failedAt = 0;
        Flush();
        if (_pendingLength > 0)
        {
            Counters.AddDropped(_pendingEvents);
            Log.LostAtEnd(_logger, Name, _pendingEvents);
        }

        _target.Dispose();
        return ValueTask.CompletedTask;
    }

    private bool MakeRoom(int needed)
    {
        Flush();
        if (_pendingLength + needed <= _pending.Length)
        {
            return true;
        }

        if (_pendingLength + needed > Math.Max(_options.MaxPendingBytes, _options.BufferBytes))
        {
            return false;
        }

        Array.Resize(ref _pending, Math.Max(_pendingLength + needed, Math.Min(_pending.Length * 2, _options.MaxPendingBytes)));
        return true;
    }

    private void Flush()
    {
        if (_failedAt != 0 && _time.GetElapsedTime(_failedAt) < _options.RetryInterval)
        {
            return;
        }

        try
        {
            if (!_isOpen)
            {
                _target.Open();
                _isOpen = true;
                SkipCutLine();
            }

            int taken = _pendingLength == 0 ? 0 : _target.Write(_pending.AsSpan(0, _pendingLength));
            Consume(taken);
            _lastFlush = _time.GetTimestamp();
            _failedAt = 0;
            if (_isFailing)
            {
                _isFailing = false;
                Log.WorksAgain(_logger, Name, Counters.Dropped - _droppedAtFailure);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException)
        {
            Counters.AddFailure();
            _failedAt = Math.Max(1, _time.GetTimestamp());
            _isOpen = _isOpen && !_target.IsConnection; // A full disk empties again under the same handle.
            if (!_isFailing)
            {
                _isFailing = true;
                _droppedAtFailure = Counters.Dropped;
                Log.Fails(_logger, Name, _options.Path, e.Message);
            }
        }
    }

    private void Consume(int taken)
    {
        if (taken == 0)
        {
            return;
        }

        ReadOnlySpan<byte> written = _pending.AsSpan(0, taken);
        int events = written.Count((byte)'\n');
        _isMidLine = written[^1] != (byte)'\n';
        _pending.AsSpan(taken, _pendingLength - taken).CopyTo(_pending);
        Volatile.Write(ref _pendingLength, _pendingLength - taken);
        _pendingEvents -= events;
        Counters.AddEvents(events, taken);
        if (_pendingLength == 0 && _pending.Length > _options.BufferBytes)
        {
            _pending = new byte[Math.Max(4096, _options.BufferBytes)];
        }
    }

    /// <summary>The rest of a line whose beginning went to the connection before.</summary>
    private void SkipCutLine()
    {
        if (!_isMidLine)
        {
            return;
        }

        int rest = _pending.AsSpan(0, _pendingLength).IndexOf((byte)'\n') + 1;
        _pending.AsSpan(rest, _pendingLength - rest).CopyTo(_pending);
        Volatile.Write(ref _pendingLength, _pendingLength - rest);
        _pendingEvents--;
        _isMidLine = false;
        Counters.AddDropped(1);
    }

    private static partial class Log
    {
        [LoggerMessage(3101, LogLevel.Error, "EVE output {Output} cannot write to {Path}: {Reason}. Lines are kept as far as there is room.")]
        public static partial void Fails(ILogger logger, string output, string path, string reason);

        [LoggerMessage(3102, LogLevel.Warning, "EVE output {Output} works again; {Dropped} lines were lost.")]
        public static partial void WorksAgain(ILogger logger, string output, long dropped);

        [LoggerMessage(3103, LogLevel.Error, "EVE output {Output} ends with {Events} lines that could not be written.")]
        public static partial void LostAtEnd(ILogger logger, string output, long events);
    }
}
