using System.Diagnostics;
using System.Net.Sockets;
using BridgeGuard.Host.Tests.Attachments.Bridge;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>A numbered datagram from guest A to guest B every five milliseconds: what of them arrives tells how long traffic was off.</summary>
internal sealed class Probes : IDisposable
{
    public const int EveryMs = 5;

    /// <summary>What comes so late was held somewhere; a busy test machine delays by less.</summary>
    private const double LateMs = 200;

    private readonly Socket _receiver;
    private readonly Socket _sender;
    private readonly Thread[] _threads;
    private readonly List<long> _sent = [];
    private readonly Dictionary<int, long> _received = [];
    private volatile bool _isEnding;

    public Probes(BridgeLab lab, int port = 9100)
    {
        _receiver = BridgeLab.Udp(lab.B, port: port);
        _sender = BridgeLab.Udp(lab.A, to: BridgeLab.AddressB, toPort: port);
        _threads = [new Thread(Send) { IsBackground = true }, new Thread(Receive) { IsBackground = true }];
        Array.ForEach(_threads, thread => thread.Start());
    }

    public int Sent
    {
        get
        {
            lock (_sent)
            {
                return _sent.Count;
            }
        }
    }

    /// <summary>Waits for so many more probes to be sent.</summary>
    public void GoOn(int count)
    {
        int until = Sent + count;
        BridgeLab.Until(() => Sent >= until, 20_000 + (10 * EveryMs * count));
    }

    /// <summary>Whether probes arrive now.</summary>
    public bool Arrive()
    {
        int from = Sent;
        GoOn(10);
        return BridgeLab.Until(() => Get(from, Sent).Lost < Sent - from, 300);
    }

    /// <summary>
    /// Of the probes from one number to another (which must be at rest): how many never came, and the longest time in which those sent did not come, or
    /// came much later than they should.
    /// </summary>
    public (int Lost, double SilenceMs) Get(int from, int until)
    {
        lock (_sent)
        {
            lock (_received)
            {
                int lost = 0;
                double longest = 0;
                int run = -1;
                for (int i = from; i < until && i < _sent.Count; i++)
                {
                    bool isReceived = _received.TryGetValue(i, out long at);
                    if (isReceived && Stopwatch.GetElapsedTime(_sent[i], at).TotalMilliseconds < LateMs)
                    {
                        run = -1;
                        continue;
                    }

                    lost += isReceived ? 0 : 1;
                    run = run < 0 ? i : run;
                    long end = i + 1 < _sent.Count ? _sent[i + 1] : _sent[i];
                    longest = Math.Max(longest, Stopwatch.GetElapsedTime(_sent[run], end).TotalMilliseconds);
                }

                return (lost, longest);
            }
        }
    }

    public void Dispose()
    {
        _isEnding = true;
        Array.ForEach(_threads, thread => thread.Join());
        _sender.Dispose();
        _receiver.Dispose();
    }

    private void Send()
    {
        long start = Stopwatch.GetTimestamp();
        for (int number = 0; !_isEnding; number++)
        {
            double due = number * (double)EveryMs;
            while (Stopwatch.GetElapsedTime(start).TotalMilliseconds < due)
            {
                Thread.Sleep(1);
            }

            lock (_sent)
            {
                _sent.Add(Stopwatch.GetTimestamp());
            }

            try
            {
                _sender.Send(BitConverter.GetBytes(number));
            }
            catch (SocketException)
            {
                // No neighbour at the moment: lost, as on a wire.
            }
        }
    }

    private void Receive()
    {
        byte[] buffer = new byte[64];
        while (!_isEnding)
        {
            if (_receiver.Poll(50_000, SelectMode.SelectRead) && _receiver.Receive(buffer) == sizeof(int))
            {
                lock (_received)
                {
                    _received[BitConverter.ToInt32(buffer)] = Stopwatch.GetTimestamp();
                }
            }
        }
    }
}
