using System.Text;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using Xunit;

namespace BridgeGuard.Engine.Tests.Events;

public sealed class FlowVariableWriterTests
{
    private readonly Flow _flow = new();

    [Fact]
    public void AFlowWithoutVariablesHasNoObject() => Assert.Equal("{}", Written());

    [Fact]
    public void AFlowThatAThresholdCountsHasAnObjectBeItEmpty()
    {
        _flow.Variables.IsCounted = true;
        Assert.Equal("{\"metadata\":{}}", Written());
        _flow.Variables.Reset();
        Assert.Equal("{}", Written());
    }

    private string Written()
    {
        var writer = new EveWriter();
        writer.Begin();
        FlowVariableWriter.Shared.WriteFlow(writer, _flow, null);
        return Encoding.UTF8.GetString(writer.End());
    }
}
