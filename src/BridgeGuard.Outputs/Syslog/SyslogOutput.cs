using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;
using BridgeGuard.Engine.Events;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Outputs.Syslog;

/// <summary>Sends events to syslog (RFC 5424) over the local socket, UDP or TCP. Best effort: what does not fit while the collector is away is counted.</summary>
public sealed partial class SyslogOutput : IOutput
{
    private readonly SyslogOptions _options;
    private readonly ILogger _logger;
    private readonly Channel<byte[]> _queue = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _sending;
    private long _pending;
    private bool _isFailing;

    public SyslogOutput(SyslogOptions options, ILogger? logger = null)
    {
        _options = options;
        _logger = logger ?? NullLogger.Instance;
        _sending = Task.Run(SendAllAsync);
    }

    public string Name => _options.Name;

    public EventFilter Filter => _options.Filter;

    public OutputCounters Counters { get; } = new();

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        byte[] message = SyslogMessage.Create(header, json, _options);
        if (Interlocked.Add(ref _pending, message.Length) > _options.MaxPendingBytes || !_queue.Writer.TryWrite(message))
        {
            Interlocked.Add(ref _pending, -message.Length);
            Counters.AddDropped(1);
        }
    }

    public void EndBatch(bool isIdle)
    {
        // The sending task takes what there is.
    }

    public void Reopen()
    {
        // No file.
    }

    /// <summary>Sends what waits, for at most two seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        _stopping.CancelAfter(TimeSpan.FromSeconds(2));
        await _sending.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private async Task SendAllAsync()
    {
        Socket? socket = null;
        bool isSending = false;
        try
        {
            await foreach (byte[] message in _queue.Reader.ReadAllAsync(_stopping.Token).ConfigureAwait(false))
            {
                isSending = true;
                socket = await SendAsync(socket, message).ConfigureAwait(false);
                isSending = false;
                Interlocked.Add(ref _pending, -message.Length);
            }
        }
        catch (OperationCanceledException)
        {
            Counters.AddDropped(isSending ? 1 : 0);
            while (_queue.Reader.TryRead(out _))
            {
                Counters.AddDropped(1);
            }
        }
        finally
        {
            socket?.Dispose();
        }
    }

    /// <summary>Tries until the message is out or the output ends. Returns the socket to go on with.</summary>
    private async Task<Socket> SendAsync(Socket? socket, byte[] message)
    {
        while (true)
        {
            try
            {
                socket ??= await ConnectAsync().ConfigureAwait(false);
                int bytes = await SendOnceAsync(socket, message).ConfigureAwait(false);
                Counters.AddEvents(1, bytes);
                if (_isFailing)
                {
                    _isFailing = false;
                    Log.WorksAgain(_logger, Name, Counters.Dropped);
                }

                return socket;
            }
            catch (SocketException e)
            {
                socket?.Dispose();
                socket = null;
                Counters.AddFailure();
                if (!_isFailing)
                {
                    _isFailing = true;
                    Log.Fails(_logger, Name, _options.Host, e.SocketErrorCode);
                }
            }

            await Task.Delay(_options.RetryInterval, _stopping.Token).ConfigureAwait(false);
        }
    }

    private async Task<int> SendOnceAsync(Socket socket, byte[] message)
    {
        if (_options.Transport != SyslogTransport.Tcp)
        {
            int length = Math.Min(message.Length, _options.MaxDatagramBytes);
            return await socket.SendAsync(message.AsMemory(0, length), SocketFlags.None, _stopping.Token).ConfigureAwait(false);
        }

        byte[] framed = [.. Encoding.ASCII.GetBytes(message.Length.ToString(CultureInfo.InvariantCulture) + " "), .. message];
        for (int sent = 0; sent < framed.Length;)
        {
            sent += await socket.SendAsync(framed.AsMemory(sent), SocketFlags.None, _stopping.Token).ConfigureAwait(false);
        }

        return framed.Length;
    }

    private async Task<Socket> ConnectAsync()
    {
        Socket socket = _options.Transport switch
        {
            SyslogTransport.Local => new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified),
            SyslogTransport.Udp => new Socket(SocketType.Dgram, ProtocolType.Udp),
            _ => new Socket(SocketType.Stream, ProtocolType.Tcp),
        };
        try
        {
            if (_options.Transport == SyslogTransport.Local)
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(_options.Host), _stopping.Token).ConfigureAwait(false);
            }
            else
            {
                await socket.ConnectAsync(_options.Host, _options.Port, _stopping.Token).ConfigureAwait(false);
            }

            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3301, LogLevel.Warning, "Syslog output {Output} does not reach {Host}: {Reason}.")]
        public static partial void Fails(ILogger logger, string output, string host, SocketError reason);

        [LoggerMessage(3302, LogLevel.Information, "Syslog output {Output} works again; {Dropped} messages were lost so far.")]
        public static partial void WorksAgain(ILogger logger, string output, long dropped);
    }
}
