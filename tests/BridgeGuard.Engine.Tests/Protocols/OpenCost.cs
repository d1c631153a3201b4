using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>The cost of a request by the number of those that are open already.</summary>
public sealed class OpenCost(OpenFlow flow)
{
    private const int Stretch = 50;

    /// <summary>Of answers.</summary>
    private const int Stretches = 8;

    /// <summary>Flows of few requests that make all warm and give the cost to compare with.</summary>
    private const int SmallFlows = 60;

    /// <summary>One rule with a search and one that is asked about each transaction, neither of which ever matches; on the protocol's first plain buffer.</summary>
    public static string RulesFor(Protocol protocol)
    {
        string name = protocol.Name;
        BufferDescriptor? buffer = protocol.Buffers.FirstOrDefault(b => !b.IsHidden);
        return buffer is null
            ? $"alert {name} any any -> any any (msg:\"none\"; content:\"zqzq-zqzq\"; sid:1;)"
            : $"alert {name} any any -> any any (msg:\"search\"; {buffer.Name}; content:\"zqzq-zqzq\"; sid:1;)\n"
                + $"alert {name} any any -> any any (msg:\"ask\"; {buffer.Name}; bsize:>60000; sid:2;)";
    }

    /// <summary>Nanoseconds per byte of an answer when only it is waited for, and after <see cref="At"/>, the newest of all first; 0 where there are no answers.</summary>
    public double AnswerOfFew { get; private set; }

    public double AnswerOfMany { get; private set; }

    /// <summary>Nanoseconds per byte of a request when so many are open; the first is that of flows with few.</summary>
    public double[] At(ReadOnlySpan<uint> counts)
    {
        double few = double.MaxValue;
        for (int i = 0; i < SmallFlows; i++)
        {
            flow.Begin();
            few = Math.Min(few, PerByte(flow.Ask(1, Stretch / 5), Stretch / 5));
            AnswerOfFew = Least(AnswerOfFew, Answer(Stretch / 5, Stretch / 5));
        }

        var costs = new double[counts.Length];
        flow.Begin();
        uint asked = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            double least = i == 0 ? few : double.MaxValue;

            // What leads up to the point, and the point itself as the least of its last tenth.
            uint from = counts[i] - (counts[i] / 10);
            while (asked < counts[i])
            {
                int count = (int)Math.Min(Stretch, counts[i] - asked);
                long nanoseconds = flow.Ask(asked + 1, count);
                asked += (uint)count;
                least = asked >= from && count >= Math.Min(Stretch, counts[i] / 10) ? Math.Min(least, PerByte(nanoseconds, count)) : least;
            }

            costs[i] = least;
        }

        for (int i = 0; i < Stretches; i++)
        {
            AnswerOfMany = Least(AnswerOfMany, Answer(asked - (uint)(i * Stretch), Stretch));
        }

        return costs;
    }

    private static double Least(double known, double value) => known == 0 ? value : Math.Min(known, value);

    private double Answer(uint newest, int count) =>
        flow.AnswerBytes == 0 ? 0 : flow.Answer(newest, count) / ((double)count * flow.AnswerBytes);

    private double PerByte(long nanoseconds, int count) => nanoseconds / ((double)count * flow.RequestBytes);
}
