using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>The cap on transactions of every parser: what Suricata documents where it does (measured where document and program differ), and what happens above it.</summary>
public sealed class LimitTests
{
    /// <summary>No parser keeps more on a flow, whatever it is.</summary>
    private const int MostOfAll = 4096;

    /// <summary>Transactions of what comes before the flood.</summary>
    private const int Conversation = 4;

    /// <summary>So many requests above the cap are tried.</summary>
    private const int Above = 200;

    /// <summary>
    /// <c>max-tx</c> as suricata.yaml of 8.0.8 has it (dcerpc, dnp3, ftp, http, nfs, pgsql, pop3, smb, smtp), modbus <c>request-flood</c>; mqtt by measurement
    /// (the file says 4096, the program gives up at 1024) and ldap (1024, and 256); enip by measurement. Irc, mysql and redis are ours.
    /// </summary>
    public static TheoryData<string, int, string> Documented => new()
    {
        { "dcerpc", 1024, "" },
        { "enip", 1024, "too_many_transactions" },
        { "ftp", 1024, "too_many_transactions" },
        { "http1", 512, "" },
        { "ldap", 256, "too_many_transactions" },
        { "modbus", 500, "flooded" },
        { "mqtt", 1024, "too_many_transactions" },
        { "mysql", 1024, "too_many_transactions" },
        { "nfs", 1024, "too_many_transactions" },
        { "pgsql", 1024, "too_many_transactions" },
        { "pop3", 256, "too_many_transactions" },
        { "redis", 1024, "too_many_transactions" },
        { "smb", 1024, "too_many_transactions" },
    };

    public static TheoryData<string> Protocols => [.. ProtocolSamples.All().Select(protocol => protocol.Name)];

    [Theory]
    [MemberData(nameof(Documented))]
    public void AboveTheCapTheNamedEventIsRaised(string name, int cap, string anomaly)
    {
        ProtocolBench bench = Flood(name, cap + Above, out bool leavesOpen, out int most);
        Assert.True(leavesOpen, "the conversation leaves nothing open");

        // What was given up stays until it is inspected; here nobody does.
        Assert.InRange(most, cap, cap * 2);
        Assert.InRange(Enumerable.Range(0, bench.State.Transactions.Count).Count(i => IsOpen(bench, bench.Transaction(i))), 0, cap + Conversation);
        bool isNamed = Enumerable.Range(0, bench.State.Transactions.Count).Any(i => bench.Anomalies(i).Contains(anomaly));
        Assert.True(anomaly.Length > 0 ? isNamed : bench.HasStopped || most <= cap, "above the cap nothing was said");
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public void NoParserKeepsMoreThanItsCap(string name)
    {
        Flood(name, MostOfAll + Above, out _, out int most);
        Assert.InRange(most, 1, MostOfAll);
    }

    private static bool IsOpen(ProtocolBench bench, Transaction transaction) =>
        transaction.ProgressToServer < bench.Protocol.CompletedProgress(Direction.ToServer) || transaction.ProgressToClient < bench.Protocol.CompletedProgress(Direction.ToClient);

    private static ProtocolBench Flood(string name, int count, out bool leavesOpen, out int most)
    {
        ProtocolSamples samples = ProtocolSamples.All().Single(protocol => protocol.Name == name).Samples;
        OpenConversation conversation = OpenConversation.Find(samples);
        leavesOpen = conversation.Open >= OpenConversation.Tried / 2;
        var bench = new ProtocolBench(samples.Protocol, samples.Settings) { IsDatagram = samples.IsDatagram };
        bench.Feed(conversation.Before);
        most = bench.State.Transactions.Count;
        for (uint i = 0; i < count && !bench.HasStopped; i++)
        {
            bench.Feed(conversation.Request.Direction, conversation.Numbered(conversation.Request, i + 1000));
            most = Math.Max(most, bench.State.Transactions.Count);
        }

        return bench;
    }
}
