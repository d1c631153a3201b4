using System.Globalization;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Tests.Protocols;

namespace BridgeGuard.Benchmarks.Protocols;

/// <summary>Every parser over the sample conversations of its conformance tests: bytes per second, time and bytes allocated per transaction.</summary>
/// <remarks>
/// <c>parsers [NAME…] [--seconds N]</c>. A conversation goes through the parser turn by turn, then the parser back to the state of a new one, so pools are at
/// work. CPU time of the process, the least of many rounds; samples are short, so rates compare parsers and builds, not links. Exit code 1 when a
/// parser allocates once warm.
/// </remarks>
internal static class ParserBench
{
    /// <summary>Passes over all conversations in one measured round are chosen to take about this long.</summary>
    private const double RoundMs = 20;

    private const int WarmRounds = 64;

    public static int Run(ReadOnlySpan<string> args)
    {
        double seconds = 0.5;
        List<string> names = [];
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i] == "--seconds")
            {
                seconds = double.Parse(args[++i], CultureInfo.InvariantCulture);
            }
            else
            {
                names.Add(args[i]);
            }
        }

        Console.WriteLine($"{"parser",-16}{"bytes",8}{"tx",6}{"MB/s",9}{"ns/tx",9}{"B/tx",8}");
        bool clean = true;
        foreach ((string name, ProtocolSamples samples) in ProtocolSamples.All())
        {
            if (names.Count == 0 || names.Contains(name))
            {
                clean &= Measure(name, samples, seconds);
            }
        }

        return clean ? 0 : 1;
    }

    private static bool Measure(string name, ProtocolSamples samples, double seconds)
    {
        Pass pass = new(samples);
        for (int i = 0; i < WarmRounds; i++)
        {
            pass.Run(10);
        }

        TimeSpan once = Cpu(() => pass.Run(100));
        int each = (int)Math.Clamp(RoundMs * 100 / Math.Max(once.TotalMilliseconds, 0.01), 10, 1_000_000);
        double least = double.MaxValue;
        long allocated = 0;
        TimeSpan until = Environment.CpuUsage.TotalTime + TimeSpan.FromSeconds(seconds);
        while (Environment.CpuUsage.TotalTime < until)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            least = Math.Min(least, Cpu(() => pass.Run(each)).TotalNanoseconds / each);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        long transactions = Math.Max(pass.Transactions, 1);

        // The measurement's own closure is what is left of a round.
        double perTransaction = Math.Floor(allocated / (double)each / transactions);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-16}{pass.Bytes,8}{pass.Transactions,6}{pass.Bytes * 1e3 / least,9:F0}{least / transactions,9:F0}{perTransaction,8:F0}"));
        return perTransaction == 0;
    }

    private static TimeSpan Cpu(Action action)
    {
        TimeSpan start = Environment.CpuUsage.TotalTime;
        action();
        return Environment.CpuUsage.TotalTime - start;
    }

    /// <summary>All conversations of one protocol through one parser.</summary>
    private sealed class Pass(ProtocolSamples samples)
    {
        private readonly Turn[][] _conversations = [.. samples.Conversations];

        private readonly ProtocolState _state = samples.Protocol.CreateState(
            samples.Settings is null ? ProtocolSettings.Empty : new ProtocolSettings(samples.Settings));

        private readonly FileTracker _files = new(new FileSettings());

        private readonly Flow _flow = new()
        {
            Key = new FlowKey(default, default, 40000, 80, samples.IsDatagram ? IpProtocols.Udp : IpProtocols.Tcp, 4, 0, 0, 0, 0, 0),
        };

        public long Bytes { get; } = samples.Conversations.Sum(conversation => conversation.Sum(turn => turn.Bytes.Length));

        /// <summary>Of one pass.</summary>
        public long Transactions { get; private set; }

        public void Run(int times)
        {
            for (int i = 0; i < times; i++)
            {
                long transactions = 0;
                foreach (Turn[] conversation in _conversations)
                {
                    foreach (Turn turn in conversation)
                    {
                        var context = new ParseContext { Flow = _flow, Direction = turn.Direction, TimeUs = 1, Files = _files };
                        _state.Parse(turn.Bytes, in context);
                        _state.TakeProtocolChange();
                    }

                    transactions += (long)_state.Transactions.NextId;
                    _state.Reset();
                }

                Transactions = transactions;
            }
        }
    }
}
