using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Rules.Semantics;

/// <summary>Why an address or port expression was refused.</summary>
internal readonly record struct ListError(DiagnosticCode Code, string Message, string Expected = "")
{
    public bool IsError => Message is not null;
}

/// <summary>The shape that address and port expressions share: <c>any</c>, items, <c>!</c>, nested <c>[lists]</c> and <c>$VARIABLES</c>.</summary>
internal static class ListSyntax
{
    /// <summary>Lists and variables may be nested this deep; more is a loop or an attack.</summary>
    public const int MaxDepth = 64;

    /// <summary>Splits the inside of brackets at commas of the outer level.</summary>
    public static bool TrySplit(ReadOnlySpan<char> inside, out List<string> items)
    {
        items = [];
        int depth = 0;
        int start = 0;
        for (int i = 0; i <= inside.Length; i++)
        {
            char c = i == inside.Length ? ',' : inside[i];
            if (c == '[')
            {
                depth++;
            }
            else if (c == ']')
            {
                depth--;
                if (depth < 0)
                {
                    return false;
                }
            }
            else if (c == ',' && (depth == 0 || i == inside.Length))
            {
                // A comma behind the last item is forgiven.
                if (i == inside.Length && items.Count > 0 && inside[start..].IsWhiteSpace())
                {
                    break;
                }

                items.Add(inside[start..i].Trim().ToString());
                start = i + 1;
            }
        }

        return depth == 0;
    }
}

/// <summary>The variables of the configuration (<c>vars: address-groups</c>, <c>port-groups</c>). Names without the dollar sign.</summary>
public sealed class VariableTable
{
    public Dictionary<string, string> Addresses { get; } = [];

    public Dictionary<string, string> Ports { get; } = [];

    /// <summary>The values of Suricata's own example configuration.</summary>
    public static VariableTable CreateDefault()
    {
        var table = new VariableTable();
        table.Addresses["HOME_NET"] = "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]";
        table.Addresses["EXTERNAL_NET"] = "!$HOME_NET";
        foreach (string name in new[]
        {
            "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS", "TELNET_SERVERS", "DC_SERVERS", "DNP3_SERVER", "DNP3_CLIENT",
            "MODBUS_CLIENT", "MODBUS_SERVER", "ENIP_CLIENT", "ENIP_SERVER", "AIM_SERVERS",
        })
        {
            table.Addresses[name] = name == "AIM_SERVERS" ? "$EXTERNAL_NET" : "$HOME_NET";
        }

        table.Ports["HTTP_PORTS"] = "80";
        table.Ports["SHELLCODE_PORTS"] = "!80";
        table.Ports["ORACLE_PORTS"] = "1521";
        table.Ports["SSH_PORTS"] = "22";
        table.Ports["DNP3_PORTS"] = "20000";
        table.Ports["MODBUS_PORTS"] = "502";
        table.Ports["FILE_DATA_PORTS"] = "[$HTTP_PORTS,110,143]";
        table.Ports["FTP_PORTS"] = "21";
        table.Ports["GENEVE_PORTS"] = "6081";
        table.Ports["VXLAN_PORTS"] = "4789";
        table.Ports["TEREDO_PORTS"] = "3544";
        table.Ports["SIP_PORTS"] = "[5060,5061]";
        return table;
    }
}
