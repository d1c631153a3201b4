using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.GuestApi.Clamd;

/// <summary>One connection of the clamd protocol, server side (clamd(8)): PING, VERSION, VERSIONCOMMANDS, INSTREAM, IDSESSION, END.</summary>
/// <remarks>
/// "z" commands end with NUL, "n" commands and bare ones with a line feed; the answer ends as the command did. Outside IDSESSION one
/// command per connection. Inside, answers carry the command's number and come in order. Commands that name files of the host (SCAN,
/// FILDES …) are not offered: a guest has no business there.
/// </remarks>
internal sealed class ClamdSession(
    IDuplexPipe transport, ScanService scan, GuestApiOptions options, GuestIdentity guest, GuestUse use, GuestApiCounters counters,
    Action<GuestHit> onHit, TimeProvider time)
{
    /// <summary>Longest command line; ours have at most 16 letters.</summary>
    private const int MaxCommandBytes = 256;

    private static readonly string Version = $"ClamAV BridgeGuard/{typeof(ClamdSession).Assembly.GetName().Version?.ToString(3)}";

    private bool _isSession;
    private long _commands;
    private byte _terminator;

    private enum Next
    {
        Command,
        Close,
    }

    /// <summary>Answers until the guest closes or an answer ends the connection.</summary>
    /// <remarks>
    /// No token for "connection closed": Kestrel signals it already when the guest has only finished sending, as many clients do while they
    /// wait for the answer. A guest that is gone ends the reads; everything else is bounded by deadlines.
    /// </remarks>
    public async Task RunAsync()
    {
        while (await ReadCommandAsync().ConfigureAwait(false) is { } command)
        {
            Interlocked.Increment(ref counters.ClamdCommandsValue);
            if (await ExecuteAsync(command).ConfigureAwait(false) == Next.Close)
            {
                return;
            }
        }
    }

    private async Task<Next> ExecuteAsync(string command)
    {
        _commands++;
        switch (command)
        {
            case "PING":
                return await ReplyAsync("PONG").ConfigureAwait(false);
            case "VERSION":
                return await ReplyAsync(Version).ConfigureAwait(false);
            case "VERSIONCOMMANDS":
                return await ReplyAsync(Version + "| COMMANDS: PING VERSION VERSIONCOMMANDS INSTREAM IDSESSION END").ConfigureAwait(false);
            case "IDSESSION" when !_isSession:
                _isSession = true;
                _commands = 0;
                return Next.Command;
            case "END" when _isSession:
                return Next.Close;
            case "INSTREAM":
                return await ScanStreamAsync().ConfigureAwait(false);
            default:
                await ReplyAsync(_isSession ? "Command invalid inside IDSESSION. ERROR" : "UNKNOWN COMMAND").ConfigureAwait(false);
                return Next.Close;
        }
    }

    private async Task<Next> ScanStreamAsync()
    {
        if (!use.TryBeginSubmission(out _))
        {
            Interlocked.Increment(ref counters.LimitedValue);
            await ReplyAsync("Limit of this guest exceeded. ERROR").ConfigureAwait(false);
            return Next.Close; // What follows is content; without reading it there is no next command.
        }

        Interlocked.Increment(ref counters.SubmissionsValue);
        long bytes = 0;
        try
        {
            var body = new Pipe();
            var provenance = new FileProvenance
            {
                TimeUs = time.GetUtcNow().ToUnixTimeMilliseconds() * 1000,
                Guest = guest.Name,
                Protocol = "clamd",
            };
            using var giveUp = new CancellationTokenSource();
            Task<ScanOutcome> scanning = scan.SubmitAsync(body.Reader, provenance, read => bytes += read, giveUp.Token);
            string? refusal = await CopyChunksAsync(body.Writer).ConfigureAwait(false);
            if (refusal is not null)
            {
                await giveUp.CancelAsync().ConfigureAwait(false);
                await ((Task)scanning).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await ReplyAsync(refusal).ConfigureAwait(false);
                return Next.Close;
            }

            ScanOutcome outcome = await scanning.ConfigureAwait(false);
            if (outcome.Verdict.Kind == FileVerdictKind.Malicious)
            {
                onHit(new GuestHit(guest, "clamd", outcome.Key, outcome.Verdict, ""));
            }

            await scan.Cache.TryFlushAsync(options.CommitPatience).ConfigureAwait(false);
            return await ReplyAsync(Text(outcome.Verdict)).ConfigureAwait(false);
        }
        finally
        {
            use.EndSubmission(bytes);
        }
    }

    /// <summary>Reads chunks to the empty one into <paramref name="body"/>. A refusal's text when they break a limit.</summary>
    private async Task<string?> CopyChunksAsync(PipeWriter body)
    {
        long total = 0;
        Exception? failure = new IOException("The guest left in the middle of a content.");
        try
        {
            while (true)
            {
                uint length = await ReadLengthAsync().ConfigureAwait(false);
                if (length == 0)
                {
                    failure = null;
                    return null;
                }

                total += length;
                if (total > options.MaxSubmitBytes)
                {
                    return "INSTREAM size limit exceeded. ERROR";
                }

                await CopyAsync(length, body).ConfigureAwait(false);
            }
        }
        finally
        {
            if (failure is null)
            {
                await body.CompleteAsync().ConfigureAwait(false);
            }
            else
            {
                await body.CompleteAsync(failure).ConfigureAwait(false); // Half a content is not judged.
            }
        }
    }

    private async Task<uint> ReadLengthAsync()
    {
        ReadResult read = await ReadAsync(4).ConfigureAwait(false);
        ReadOnlySequence<byte> bytes = read.Buffer.Slice(0, 4);
        uint length = Read(bytes);
        transport.Input.AdvanceTo(bytes.End);
        return length;

        static uint Read(ReadOnlySequence<byte> bytes)
        {
            Span<byte> copy = stackalloc byte[4];
            bytes.CopyTo(copy);
            return BinaryPrimitives.ReadUInt32BigEndian(copy);
        }
    }

    private async Task CopyAsync(long length, PipeWriter body)
    {
        while (length > 0)
        {
            ReadResult read = await ReadAsync(1).ConfigureAwait(false);
            ReadOnlySequence<byte> bytes = read.Buffer.Slice(0, Math.Min(length, read.Buffer.Length));
            foreach (ReadOnlyMemory<byte> segment in bytes)
            {
                body.Write(segment.Span);
            }

            length -= bytes.Length;
            transport.Input.AdvanceTo(bytes.End);
            await body.FlushAsync().ConfigureAwait(false);
        }
    }

    /// <summary>At least so many bytes, within the read timeout.</summary>
    private async Task<ReadResult> ReadAsync(int atLeast)
    {
        using var timeout = new CancellationTokenSource(options.ReadTimeout);
        ReadResult read = await transport.Input.ReadAtLeastAsync(atLeast, timeout.Token).ConfigureAwait(false);
        if (read.Buffer.Length < atLeast)
        {
            throw new IOException("The connection ended in the middle of a command.");
        }

        return read;
    }

    /// <summary>The next command's name, or null when the guest closed (or sent something that cannot be a command).</summary>
    private async Task<string?> ReadCommandAsync()
    {
        using var timeout = new CancellationTokenSource(options.ReadTimeout);
        while (true)
        {
            ReadResult read = await transport.Input.ReadAsync(timeout.Token).ConfigureAwait(false);
            if (TryParse(read.Buffer, read.IsCompleted, out string command, out SequencePosition consumed))
            {
                transport.Input.AdvanceTo(consumed);
                return command;
            }

            transport.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted || read.Buffer.Length >= MaxCommandBytes)
            {
                return null;
            }
        }
    }

    private bool TryParse(ReadOnlySequence<byte> buffer, bool isLast, out string command, out SequencePosition consumed)
    {
        command = "";
        consumed = buffer.Start;
        if (buffer.IsEmpty)
        {
            return false;
        }

        byte prefix = buffer.FirstSpan[0];
        _terminator = prefix == (byte)'z' ? (byte)0 : (byte)'\n';
        int skip = prefix is (byte)'z' or (byte)'n' ? 1 : 0;
        SequencePosition? end = buffer.PositionOf(_terminator);
        if (end is null && !(isLast && skip == 0 && buffer.Length < MaxCommandBytes))
        {
            return false; // A bare command may also end with the connection's sending side.
        }

        ReadOnlySequence<byte> name = end is null ? buffer : buffer.Slice(0, end.Value);
        consumed = end is null ? buffer.End : buffer.GetPosition(1, end.Value);
        command = Encoding.ASCII.GetString(name.Slice(skip)).TrimEnd('\r');
        return name.Length <= MaxCommandBytes;
    }

    private async Task<Next> ReplyAsync(string text)
    {
        string numbered = _isSession ? $"{_commands}: {text}" : text;
        Encoding.UTF8.GetBytes(numbered, transport.Output);
        transport.Output.Write([_terminator]);
        await transport.Output.FlushAsync().ConfigureAwait(false);
        return _isSession ? Next.Command : Next.Close;
    }

    private static string Text(FileVerdict verdict) => verdict.Kind switch
    {
        FileVerdictKind.Clean => "stream: OK",
        FileVerdictKind.Malicious => $"stream: {verdict.Signature ?? "Unnamed"} FOUND",
        _ => $"stream: {verdict.Signature ?? "not judged"} ERROR",
    };
}
