using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Tests.Protocols;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Golden.Tests;

/// <summary>Ten thousand requests without an answer on one flow: the last costs what the first did, and memory is bounded.</summary>
/// <remarks>By themselves: what other tests keep at the same time would be counted.</remarks>
[Collection(nameof(OpenTransactionTests))]
[CollectionDefinition(nameof(OpenTransactionTests), DisableParallelization = true)]
public sealed class OpenTransactionTests
{
    private const uint Many = 10_000;

    /// <summary>
    /// Visiting every open transaction for each packet makes the last requests cost 15 to several hundred times the first. What is left, up to 2.5 on a quiet
    /// machine, are caches that no longer hold everything. Counted is what the thread computes, so that others' load does not show.
    /// </summary>
    private const double MaxRatio = 6;

    /// <summary>A disturbed measurement is repeated: only noise goes away.</summary>
    private const int Attempts = 4;

    /// <summary>One flow may keep this with the caps lifted to twenty thousand; with those that are shipped it is a tenth.</summary>
    private const long MaxBytes = 160 << 20;

    public static TheoryData<string> Protocols => [.. ProtocolSamples.All().Select(protocol => protocol.Name)];

    [Theory]
    [MemberData(nameof(Protocols))]
    public void ManyOpenTransactionsCostPerByteWhatFewDo(string name)
    {
        OpenConversation conversation = OpenConversation.Find(ProtocolSamples.All().Single(protocol => protocol.Name == name).Samples);
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("a.rules", OpenCost.RulesFor(conversation.Samples.Protocol))] });
        Assert.False(loaded.HasErrors, string.Join("\n", loaded.Diagnostics));
        double least = double.MaxValue;
        for (int i = 0; i < Attempts && least > MaxRatio; i++)
        {
            using OpenFlow flow = new(conversation, new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)));
            var cost = new OpenCost(flow);
            long before = GC.GetTotalMemory(forceFullCollection: true);
            double[] points = cost.At([1, Many]);
            long memory = GC.GetTotalMemory(forceFullCollection: true) - before;
            Assert.InRange(memory, long.MinValue, MaxBytes);
            double answers = cost.AnswerOfFew > 0 ? cost.AnswerOfMany / cost.AnswerOfFew : 0;
            least = Math.Min(least, Math.Max(points[1] / points[0], answers));
            Assert.True(flow.Finish() > 0, "nothing was parsed");
            Assert.Null(flow.Fault);
        }

        Assert.InRange(least, 0, MaxRatio);
    }
}
