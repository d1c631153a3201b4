using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace BridgeGuard.Rules.Diagnostics;

/// <summary>Diagnostics as JSON and as SARIF 2.1.0 (OASIS), for editors and pipelines. Deterministic: same diagnostics, same bytes.</summary>
public static class DiagnosticReport
{
    private const string SarifSchema = "https://json.schemastore.org/sarif-2.1.0.json";

    /// <summary>One object: <c>{"diagnostics": [{severity, code, file, line, column, sid, message, expected}], "loaded", "failed", "skipped"}</c>.</summary>
    public static string ToJson(IEnumerable<RuleDiagnostic> diagnostics, int loaded, int failed, int skipped) => Write(json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("diagnostics");
        foreach (RuleDiagnostic diagnostic in diagnostics)
        {
            json.WriteStartObject();
            json.WriteString("severity", SeverityOf(diagnostic));
            json.WriteString("code", CodeOf(diagnostic.Code));
            json.WriteString("kind", diagnostic.Code.ToString());
            json.WriteString("file", diagnostic.File);
            json.WriteNumber("line", diagnostic.Line);
            json.WriteNumber("column", diagnostic.Column);
            json.WriteNumber("sid", diagnostic.Sid);
            json.WriteString("message", diagnostic.Message);
            json.WriteString("expected", diagnostic.Expected);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("loaded", loaded);
        json.WriteNumber("failed", failed);
        json.WriteNumber("skipped", skipped);
        json.WriteEndObject();
    });

    /// <summary>A SARIF log with one run.</summary>
    public static string ToSarif(IEnumerable<RuleDiagnostic> diagnostics, string version)
    {
        List<RuleDiagnostic> all = [.. diagnostics];
        return Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("$schema", SarifSchema);
            json.WriteString("version", "2.1.0");
            json.WriteStartArray("runs");
            json.WriteStartObject();
            WriteTool(json, all, version);
            json.WriteStartArray("results");
            foreach (RuleDiagnostic diagnostic in all)
            {
                WriteResult(json, diagnostic);
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static void WriteTool(Utf8JsonWriter json, List<RuleDiagnostic> all, string version)
    {
        json.WriteStartObject("tool");
        json.WriteStartObject("driver");
        json.WriteString("name", "bridgeguard rules");
        json.WriteString("version", version);
        json.WriteStartArray("rules");
        foreach (DiagnosticCode code in all.Select(diagnostic => diagnostic.Code).Distinct().Order())
        {
            json.WriteStartObject();
            json.WriteString("id", CodeOf(code));
            json.WriteString("name", code.ToString());
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteResult(Utf8JsonWriter json, RuleDiagnostic diagnostic)
    {
        json.WriteStartObject();
        json.WriteString("ruleId", CodeOf(diagnostic.Code));
        json.WriteString("level", SeverityOf(diagnostic));
        json.WriteStartObject("message");
        json.WriteString("text", diagnostic.Expected.Length == 0 ? diagnostic.Message : $"{diagnostic.Message} (expected {diagnostic.Expected})");
        json.WriteEndObject();
        json.WriteStartArray("locations");
        json.WriteStartObject();
        json.WriteStartObject("physicalLocation");
        json.WriteStartObject("artifactLocation");
        json.WriteString("uri", UriOf(diagnostic.File));
        json.WriteEndObject();
        json.WriteStartObject("region");
        json.WriteNumber("startLine", Math.Max(1, diagnostic.Line));
        json.WriteNumber("startColumn", Math.Max(1, diagnostic.Column));
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteStartObject("properties");
        json.WriteNumber("sid", diagnostic.Sid);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>A path as a URI reference (RFC 3986): blanks, percent signs and the like are escaped, slashes stay.</summary>
    private static string UriOf(string path) => string.Join('/', path.Replace('\\', '/').Split('/').Select(Uri.EscapeDataString));

    private static string SeverityOf(RuleDiagnostic diagnostic) => diagnostic.Severity == DiagnosticSeverity.Error ? "error" : "warning";

    private static string CodeOf(DiagnosticCode code) => string.Create(CultureInfo.InvariantCulture, $"BG{(int)code}");

    private static string Write(Action<Utf8JsonWriter> body)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            body(json);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
