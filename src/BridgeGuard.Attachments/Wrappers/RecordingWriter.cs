using System.Globalization;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments.Wrappers;

/// <summary>Writes what flight recorders hand over: one pcapng file for each alert's recording, one for each capture. A thread of its own.</summary>
/// <remarks>Bounded: so many files of alerts (the oldest go first), so many bytes of a capture.</remarks>
public sealed class RecordingWriter : IDisposable
{
    private const int PollMs = 50;

    private readonly string _folder;
    private readonly int _maxFiles;
    private readonly long _maxCaptureBytes;
    private readonly IReadOnlyList<FlightRecorder> _recorders;
    private readonly Func<ushort, string> _portName;
    private readonly Action<string> _warn;
    private readonly Dictionary<uint, (FileStream File, PcapngWriter Writer)> _captures = [];
    private readonly Thread _thread;
    private volatile bool _isStopping;

    /// <param name="folder">Made when the first recording is written.</param>
    /// <param name="recorders">All of the process.</param>
    /// <param name="portName">Names a port.</param>
    /// <param name="warn">Hears what goes wrong.</param>
    /// <param name="maxFiles">Recordings kept.</param>
    /// <param name="maxCaptureBytes">Longest capture.</param>
    public RecordingWriter(string folder, IReadOnlyList<FlightRecorder> recorders, Func<ushort, string> portName, Action<string> warn, int maxFiles = 1000, long maxCaptureBytes = 256L << 20)
    {
        _folder = folder;
        _recorders = recorders;
        _portName = portName;
        _warn = warn;
        _maxFiles = maxFiles;
        _maxCaptureBytes = maxCaptureBytes;
        _thread = new Thread(Run) { IsBackground = true, Name = "recordings" };
        _thread.Start();
    }

    /// <summary>Name of the file of an alert, from the parts of its event id.</summary>
    public static string FileNameOf(long timeUs, byte worker, ulong number) => string.Create(CultureInfo.InvariantCulture, $"{timeUs:x}-{worker:x}-{number:x}.pcapng");

    public void Dispose()
    {
        _isStopping = true;
        _thread.Join();
        foreach ((FileStream file, _) in _captures.Values)
        {
            file.Dispose();
        }
    }

    private void Run()
    {
        while (true)
        {
            bool isLast = _isStopping;
            foreach (FlightRecorder recorder in _recorders)
            {
                foreach (RecordingBlock block in recorder.All)
                {
                    if (block.IsFilled)
                    {
                        Write(block);
                        block.Release();
                    }
                }
            }

            if (isLast)
            {
                return;
            }

            Thread.Sleep(PollMs);
        }
    }

    private void Write(RecordingBlock block)
    {
        try
        {
            Directory.CreateDirectory(_folder);
            if (block.Kind == RecordingKind.Alert)
            {
                WriteAlert(block);
            }
            else
            {
                WriteCapture(block);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _warn($"a recording is lost: {e.Message}");
        }
    }

    private void WriteAlert(RecordingBlock block)
    {
        string path = Path.Combine(_folder, FileNameOf(block.FirstUs, block.WorkerId, block.AlertNumber));
        using (FileStream file = File.Create(path + ".new"))
        {
            var writer = new PcapngWriter(file);
            writer.Begin(string.Create(CultureInfo.InvariantCulture, $"BridgeGuard flight recorder: alert {block.Alert!.Gid}:{block.Alert.Sid} {block.Alert.Message}"));
            foreach ((KeptFrame frame, byte[] bytes) in InOrder(block))
            {
                writer.Packet(_portName(frame.PortId), frame.TimeUs, bytes, frame.WireLength, CommentOf(in frame, block));
            }
        }

        File.Move(path + ".new", path, overwrite: true);
        foreach (string old in Directory.GetFiles(_folder, "*.pcapng").Where(f => !Path.GetFileName(f).StartsWith("capture-", StringComparison.Ordinal)).Order(StringComparer.Ordinal).SkipLast(_maxFiles))
        {
            File.Delete(old);
        }
    }

    private void WriteCapture(RecordingBlock block)
    {
        ReadOnlySpan<byte> copy = block.Bytes.AsSpan(0, block.Used);
        while (FrameRing.TryRead(ref copy, out KeptFrame frame, out ReadOnlySpan<byte> bytes))
        {
            if (!_captures.TryGetValue(frame.Sid, out (FileStream File, PcapngWriter Writer) capture))
            {
                string path = Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"capture-{frame.Sid}-{block.WorkerId}.pcapng"));
                FileStream file = File.Create(path);
                capture = (file, new PcapngWriter(file));
                capture.Writer.Begin(string.Create(CultureInfo.InvariantCulture, $"BridgeGuard capture: action {frame.Sid}"));
                _captures[frame.Sid] = capture;
            }

            if (capture.File.Length < _maxCaptureBytes)
            {
                capture.Writer.Packet(_portName(frame.PortId), frame.TimeUs, bytes, frame.WireLength, VerdictOf(in frame));
            }
        }

        foreach ((FileStream file, _) in _captures.Values)
        {
            file.Flush();
        }
    }

    /// <summary>The two rings merged by time; frames of one moment stay in their order.</summary>
    private static List<(KeptFrame Frame, byte[] Bytes)> InOrder(RecordingBlock block)
    {
        var frames = new List<(KeptFrame Frame, byte[] Bytes)>();
        ReadOnlySpan<byte> copy = block.Bytes.AsSpan(0, block.Used);
        while (FrameRing.TryRead(ref copy, out KeptFrame frame, out ReadOnlySpan<byte> bytes))
        {
            frames.Add((frame, bytes.ToArray()));
        }

        return [.. frames.OrderBy(f => f.Frame.TimeUs)];
    }

    private static string? CommentOf(in KeptFrame frame, RecordingBlock block)
    {
        string? verdict = VerdictOf(in frame);
        if (frame.Sid == 0)
        {
            return verdict;
        }

        string message = frame.Gid == block.Alert!.Gid && frame.Sid == block.Alert.Sid ? " " + block.Alert.Message : "";
        return string.Create(CultureInfo.InvariantCulture, $"alert {frame.Gid}:{frame.Sid}{message}; {verdict ?? "verdict pass"}");
    }

    private static string? VerdictOf(in KeptFrame frame) =>
        frame.Action == (byte)VerdictAction.Pass ? null : $"verdict drop, reason {(DropReason)frame.Reason}";
}
