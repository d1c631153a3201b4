using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>Traffic from guest A to guest B until it is ended: numbered datagrams of one flow, about one a millisecond, and TCP transfers one after another.</summary>
internal sealed class SteadyTraffic : IDisposable
{
    /// <summary>A datagram is its number with so many digits and <c>" steady"</c>.</summary>
    public const int DigitCount = 8;

    private const int UdpPort = 9000;
    private const int TcpPort = 9001;
    private const int TransferBytes = 1 << 20;
    private const int BlockBytes = 16 << 10;

    private readonly Socket _receiver;
    private readonly Socket _sender;
    private readonly Socket _listener;
    private readonly BridgeLab _lab;
    private readonly Thread[] _threads;
    private readonly List<long> _sentAt = [];
    private readonly List<(int Number, long At)> _received = [];
    private volatile bool _isEnding;
    private volatile bool _isUdpEnded;
    private volatile Exception? _failure;
    private int _transfers;
    private long _transferBegan = Stopwatch.GetTimestamp();
    private long _longestTransfer;

    public SteadyTraffic(BridgeLab lab)
    {
        _lab = lab;
        _receiver = BridgeLab.Udp(lab.B, port: UdpPort);
        _receiver.ReceiveBufferSize = 4 << 20;
        _sender = BridgeLab.Udp(lab.A, to: BridgeLab.AddressB, toPort: UdpPort);
        _listener = BridgeLab.Listen(lab.B, TcpPort);
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(lab.A, BridgeLab.AddressB))); // ARP is done: no datagram waits for it.
        _threads = [Start(SendDatagrams), Start(ReceiveDatagrams), Start(Transfer)];
    }

    /// <summary>Datagrams sent so far; the next one has this number.</summary>
    public int Sent => Count(_sentAt);

    /// <summary>Datagrams that arrived so far.</summary>
    public int Received => Count(_received);

    /// <summary>The numbers of those that arrived so far.</summary>
    public IReadOnlyList<int> ReceivedNumbers
    {
        get
        {
            lock (_received)
            {
                return [.. _received.Select(datagram => datagram.Number)];
            }
        }
    }

    /// <summary>TCP transfers that arrived whole so far.</summary>
    public int Transfers => Volatile.Read(ref _transfers);

    /// <summary>How long the longest transfer took or, while it goes on, has taken so far.</summary>
    public TimeSpan LongestTransfer => TimeSpan.FromTicks(Math.Max(Volatile.Read(ref _longestTransfer), Stopwatch.GetElapsedTime(Volatile.Read(ref _transferBegan)).Ticks));

    /// <summary>Waits until so many more datagrams were sent and one more transfer is through.</summary>
    public void GoOn(int datagrams)
    {
        int until = Sent + datagrams;
        int transfers = Transfers + 1;
        Assert.True(BridgeLab.Until(() => (Sent >= until && Transfers >= transfers) || _failure is not null, 90_000), $"traffic stands still: {Sent} datagrams, {Transfers} transfers");
        Assert.Null(_failure);
    }

    /// <summary>Ends it and asserts that nothing was lost, doubled, or broken; the number of datagrams.</summary>
    public int EndWithoutLoss()
    {
        Dispose();
        Assert.Null(_failure);
        Assert.Equal(Enumerable.Range(0, _sentAt.Count), _received.Select(datagram => datagram.Number).Order());
        return _sentAt.Count;
    }

    /// <summary>Datagrams of a range of numbers that were on the way longer than a time; after the end.</summary>
    public int Late(int from, int until, TimeSpan limit) => _received.Count(datagram =>
        datagram.Number >= from && datagram.Number < until && Stopwatch.GetElapsedTime(_sentAt[datagram.Number], datagram.At) > limit);

    public void Dispose()
    {
        _isEnding = true;
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _sender.Dispose();
        _receiver.Dispose();
        _listener.Dispose();
    }

    private static int Count<T>(List<T> list)
    {
        lock (list)
        {
            return list.Count;
        }
    }

    private Thread Start(Action body)
    {
        Thread thread = new(() =>
        {
            try
            {
                body();
            }
            catch (Exception e)
            {
                _failure = e;
            }
        }) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private void SendDatagrams()
    {
        for (int number = 0; !_isEnding; number++)
        {
            byte[] text = Encoding.ASCII.GetBytes(number.ToString("D8", CultureInfo.InvariantCulture) + " steady");
            lock (_sentAt)
            {
                _sentAt.Add(Stopwatch.GetTimestamp());
            }

            _sender.Send(text);
            Thread.Sleep(1);
        }

        _isUdpEnded = true;
    }

    private void ReceiveDatagrams()
    {
        byte[] buffer = new byte[100];
        while (true)
        {
            if (!_receiver.Poll(500_000, SelectMode.SelectRead))
            {
                if (_isUdpEnded)
                {
                    return;
                }

                continue;
            }

            int length = _receiver.Receive(buffer);
            Assert.Equal(" steady", Encoding.ASCII.GetString(buffer, DigitCount, length - DigitCount));
            lock (_received)
            {
                _received.Add((int.Parse(buffer.AsSpan(0, DigitCount), CultureInfo.InvariantCulture), Stopwatch.GetTimestamp()));
            }
        }
    }

    private void Transfer()
    {
        byte[] sent = new byte[TransferBytes];
        byte[] received = new byte[TransferBytes];
        for (int seed = 0; !_isEnding; seed++)
        {
            new Random(seed).NextBytes(sent);
            Volatile.Write(ref _transferBegan, Stopwatch.GetTimestamp());
            using Socket client = BridgeLab.Connect(_lab.A, BridgeLab.AddressB, TcpPort, 20_000) ?? throw new InvalidOperationException("no TCP connection");
            using Socket server = _listener.Accept();
            server.ReceiveTimeout = 60_000; // A machine with other tests on it may leave retransmissions alone for long; what is late is counted by datagrams.
            for (int at = 0; at < TransferBytes; at += BlockBytes)
            {
                client.Send(sent, at, BlockBytes, SocketFlags.None);
                for (int end = at + BlockBytes, got = at; got < end;)
                {
                    int length = server.Receive(received, got, end - got, SocketFlags.None);
                    got += length > 0 ? length : throw new InvalidOperationException("a TCP transfer ended early");
                }

                Thread.Sleep(1);
            }

            if (!sent.AsSpan().SequenceEqual(received))
            {
                throw new InvalidOperationException("a TCP transfer arrived changed");
            }

            Volatile.Write(ref _longestTransfer, Math.Max(_longestTransfer, Stopwatch.GetElapsedTime(_transferBegan).Ticks));
            Volatile.Write(ref _transferBegan, Stopwatch.GetTimestamp());
            Interlocked.Increment(ref _transfers);
        }
    }
}
