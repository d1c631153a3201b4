using System.Diagnostics;
using System.Globalization;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Tests.Protocols;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Benchmarks.Protocols;

/// <summary>Ten thousand transactions open on one flow: what a byte costs with 1, 10, … 10,000 of them, for every protocol.</summary>
/// <remarks>
/// <c>open [NAME…] [--count N]</c>. A whole worker with two rules per protocol and all records. Nanoseconds per byte of the request, the least of several
/// stretches; the last column is the cost at the end by the cost with few.
/// </remarks>
internal static class OpenBench
{
    private static readonly uint[] Points = [1, 10, 100, 1_000, 10_000];

    public static int Run(ReadOnlySpan<string> args)
    {
        List<string> names = [.. args];
        Console.WriteLine($"{"protocol",-16}{"open",8}" + string.Concat(Points.Select(point => $"{point,10:N0}")) + $"{"last/few",10}{"answer",9}{"of many",9}{"MiB",8}");
        foreach ((string name, ProtocolSamples samples) in ProtocolSamples.All())
        {
            if (names.Count == 0 || names.Contains(name))
            {
                Measure(name, OpenConversation.Find(samples));
            }
        }

        return 0;
    }

    private static void Measure(string name, OpenConversation conversation)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("a.rules", OpenCost.RulesFor(conversation.Samples.Protocol))] });
        using OpenFlow flow = new(conversation, new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)));
        var cost = new OpenCost(flow);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        double[] points = cost.At(Points);
        long memory = GC.GetTotalMemory(forceFullCollection: true) - before;
        Console.WriteLine($"{name,-16}{conversation.Open * 100 / OpenConversation.Tried,7}%"
            + string.Concat(points.Select(point => string.Create(CultureInfo.InvariantCulture, $"{point,10:F1}")))
            + string.Create(CultureInfo.InvariantCulture, $"{points[^1] / points[0],10:F2}{cost.AnswerOfFew,9:F1}{cost.AnswerOfMany,9:F1}{memory / 1048576.0,8:F1}"));
    }
}
