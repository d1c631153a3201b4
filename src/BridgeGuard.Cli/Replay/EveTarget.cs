using System.Globalization;
using System.Net.Sockets;
using System.Text;
using BridgeGuard.Daemon.Configuration.Suricata;

namespace BridgeGuard.Cli.Replay;

/// <summary>Where the lines of one EVE output of a replay go. It waits for the other side: nothing is lost, and the order is the capture's.</summary>
internal abstract class EveTarget : IDisposable
{
    /// <summary>Opens what <c>filetype</c> asks for. A type that is not there (a collector that cannot be reached, redis) takes nothing.</summary>
    /// <param name="settings">One <c>eve-log</c>.</param>
    public static EveTarget Open(EveFileSettings settings) => settings.FileType switch
    {
        "regular" or "file" => new EveFileTarget(settings),
        "unix_stream" => new EveSocketTarget(settings.Path, SocketType.Stream, settings.Prefix, ""),
        "unix_dgram" => new EveSocketTarget(settings.Path, SocketType.Dgram, settings.Prefix, ""),
        "syslog" => new EveSocketTarget("/dev/log", SocketType.Dgram, settings.Prefix, settings.SyslogHead),
        _ => new EveSocketTarget("", SocketType.Stream, "", ""),
    };

    /// <summary>One record.</summary>
    public abstract void Write(ReadOnlySpan<byte> json);

    public abstract void Dispose();
}

/// <summary>A regular file; with <c>rotate-interval</c> one after the other, named by the time at which each is begun.</summary>
internal sealed class EveFileTarget : EveTarget
{
    private const int BufferBytes = 256 << 10;

    private readonly EveFileSettings _settings;
    private readonly byte[] _prefix;
    private FileStream _stream;
    private long _rotateAt;

    public EveFileTarget(EveFileSettings settings)
    {
        _settings = settings;
        _prefix = Encoding.UTF8.GetBytes(settings.Prefix);
        _stream = Begin();
    }

    public override void Write(ReadOnlySpan<byte> json)
    {
        if (_rotateAt != 0 && Environment.TickCount64 >= _rotateAt)
        {
            _stream.Dispose();
            _stream = Begin();
        }

        _stream.Write(_prefix);
        _stream.Write(json);
        _stream.WriteByte((byte)'\n');
    }

    public override void Dispose() => _stream.Dispose();

    private FileStream Begin()
    {
        DateTime now = DateTime.Now;
        _rotateAt = _settings.RotateSeconds > 0 ? Environment.TickCount64 + (1000L * TimedFileName.SecondsToNext(_settings.RotateSeconds, now)) : 0;
        var options = new FileStreamOptions
        {
            Mode = _settings.Append ? FileMode.Append : FileMode.Create,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
            BufferSize = BufferBytes,
        };
        string path = TimedFileName.At(_settings.Path, now);
        if (_settings.FileMode is { } mode && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = mode;
        }

        return new FileStream(path, options);
    }
}

/// <summary>A unix socket: a stream of lines, or one datagram a record.</summary>
internal sealed class EveSocketTarget : EveTarget
{
    private readonly Socket? _socket;
    private readonly bool _isDatagram;
    private readonly byte[] _prefix;
    private readonly string _head;
    private byte[] _line = new byte[4096];

    /// <param name="path">Where the collector listens.</param>
    /// <param name="type">Stream or datagram.</param>
    /// <param name="prefix">Before each record.</param>
    /// <param name="head">Of a syslog message before its time and after it, separated by a line feed; empty: it is none.</param>
    public EveSocketTarget(string path, SocketType type, string prefix, string head)
    {
        _isDatagram = type == SocketType.Dgram;
        _prefix = Encoding.UTF8.GetBytes(prefix);
        _head = head;
        if (path.Length == 0)
        {
            return;
        }

        Socket socket = new(AddressFamily.Unix, type, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            _socket = socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
        }
    }

    public override void Write(ReadOnlySpan<byte> json)
    {
        if (_socket is null)
        {
            return;
        }

        byte[] head = _head.Length == 0 ? [] : Encoding.UTF8.GetBytes(Head());
        int length = head.Length + _prefix.Length + json.Length + 1;
        if (_line.Length < length)
        {
            _line = new byte[length * 2];
        }

        head.CopyTo(_line, 0);
        _prefix.CopyTo(_line, head.Length);
        json.CopyTo(_line.AsSpan(head.Length + _prefix.Length));
        _line[length - 1] = (byte)'\n';
        ReadOnlySpan<byte> rest = _line.AsSpan(0, head.Length > 0 ? length - 1 : length);
        try
        {
            // A datagram goes as a whole or not at all.
            do
            {
                int sent = _socket.Send(rest);
                rest = rest[(_isDatagram ? rest.Length : sent)..];
            }
            while (!rest.IsEmpty);
        }
        catch (SocketException)
        {
            // The collector is gone, or the record is too long for it; the replay goes on.
        }
    }

    public override void Dispose() => _socket?.Dispose();

    /// <summary>The form that local syslog daemons take: priority, time without a year, name with the process.</summary>
    private string Head()
    {
        int cut = _head.IndexOf('\n', StringComparison.Ordinal);
        string time = DateTime.Now.ToString("MMM d HH:mm:ss", CultureInfo.InvariantCulture);
        time = time[5] == ' ' ? time.Insert(4, " ") : time;
        return string.Create(CultureInfo.InvariantCulture, $"<{_head[..cut]}>{time} {_head[(cut + 1)..]}[{Environment.ProcessId}]: ");
    }
}
