using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Detection;

/// <summary>Writes a flow's bits, integers and captures under their names: EVE <c>metadata</c>, and <c>traffic</c> for bits named <c>traffic/…</c>.</summary>
public sealed class FlowVariableWriter(VariableNames names) : IVariableWriter
{
    private const string TrafficId = "traffic/id/";
    private const string TrafficLabel = "traffic/label/";

    /// <summary>With the process's names.</summary>
    public static FlowVariableWriter Shared { get; } = new(VariableNames.Shared);

    /// <inheritdoc/>
    public void WriteFlow(EveWriter writer, Flow flow, FlowVariables? captured)
    {
        FlowVariables variables = flow.Variables;
        int ofPacket = captured?.CaptureCount ?? 0;
        if (variables.BitCount + variables.IntegerCount + variables.CaptureCount + variables.EntropyCount + ofPacket == 0 && !variables.IsCounted)
        {
            return;
        }

        int traffic = WriteTraffic(writer, variables);
        if (variables.BitCount - traffic + variables.IntegerCount + variables.CaptureCount + variables.EntropyCount + ofPacket == 0 && !variables.IsCounted)
        {
            return;
        }

        writer.StartObject("metadata"u8);
        if (variables.BitCount > traffic)
        {
            writer.StartArray("flowbits"u8);
            foreach (int bit in variables.Bits)
            {
                if (!IsTraffic(names[bit]))
                {
                    writer.TextValue(names[bit]);
                }
            }

            writer.EndArray();
        }

        WriteIntegers(writer, variables);
        WriteCaptures(writer, "flowvars"u8, variables);
        if (captured is not null)
        {
            WriteCaptures(writer, "pktvars"u8, captured);
        }

        WriteEntropies(writer, variables);
        writer.EndObject();
    }

    private static bool IsTraffic(string name) =>
        name.StartsWith(TrafficId, StringComparison.Ordinal) || name.StartsWith(TrafficLabel, StringComparison.Ordinal);

    /// <summary>Returns how many bits belong there.</summary>
    private int WriteTraffic(EveWriter writer, FlowVariables variables)
    {
        int count = 0;
        foreach (int bit in variables.Bits)
        {
            count += IsTraffic(names[bit]) ? 1 : 0;
        }

        if (count == 0)
        {
            return 0;
        }

        writer.StartObject("traffic"u8);
        WriteTrafficList(writer, "id"u8, variables, TrafficId);
        WriteTrafficList(writer, "label"u8, variables, TrafficLabel);
        writer.EndObject();
        return count;
    }

    private void WriteTrafficList(EveWriter writer, ReadOnlySpan<byte> name, FlowVariables variables, string prefix)
    {
        bool open = false;
        foreach (int bit in variables.Bits)
        {
            string text = names[bit];
            if (!text.StartsWith(prefix, StringComparison.Ordinal))
            {
                continue;
            }

            if (!open)
            {
                writer.StartArray(name);
                open = true;
            }

            writer.TextValue(text.AsSpan(prefix.Length));
        }

        if (open)
        {
            writer.EndArray();
        }
    }

    private void WriteIntegers(EveWriter writer, FlowVariables variables)
    {
        if (variables.IntegerCount == 0)
        {
            return;
        }

        writer.StartObject("flowints"u8);
        for (int i = 0; i < variables.IntegerCount; i++)
        {
            writer.Number(names[variables.IntegerNames[i]], variables.IntegerValues[i]);
        }

        writer.EndObject();
    }

    private void WriteEntropies(EveWriter writer, FlowVariables variables)
    {
        if (variables.EntropyCount == 0)
        {
            return;
        }

        writer.StartObject("entropy"u8);
        for (int i = 0; i < variables.EntropyCount; i++)
        {
            (int buffer, double value) = variables.GetEntropy(i);
            writer.Number(names[buffer], value);
        }

        writer.EndObject();
    }

    private void WriteCaptures(EveWriter writer, ReadOnlySpan<byte> kind, FlowVariables variables)
    {
        if (variables.CaptureCount == 0)
        {
            return;
        }

        writer.StartArray(kind);
        for (int i = 0; i < variables.CaptureCount; i++)
        {
            ReadOnlySpan<byte> value = variables.GetCapture(i, out int name);
            writer.StartObject();
            writer.Printable(names[name], value);
            writer.EndObject();
        }

        writer.EndArray();
    }
}
