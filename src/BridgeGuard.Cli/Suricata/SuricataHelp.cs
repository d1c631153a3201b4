namespace BridgeGuard.Cli.Suricata;

/// <summary>What the options without a verb mean.</summary>
internal static class SuricataHelp
{
    public static void Write(TextWriter output) => output.WriteLine(
        """
        bridgeguard VERB …            see 'bridgeguard help'
        bridgeguard [OPTIONS] [FILTER] as Suricata is called:

          -c FILE                      configuration (suricata.yaml)
          -r FILE|FOLDER|-             captures to read
          -S FILE                      these rules and no others
          -s FILE                      these rules as well
          -l FOLDER                    logs go here
          -k all|none                  validate checksums, or not
          -T                           load configuration and rules, then stop
          -v                           more messages; may be repeated
          -V                           version
          --set NAME=VALUE             override a setting; list elements by number
          --include FILE               merge another configuration file
          --simulate-ips               inline semantics: drops count
          --disable-detection          no rules
          --firewall-rules-exclusive F firewall rules; default is drop
          --init-errors-fatal          a bad rule or output stops the start
          --data-dir FOLDER            where data sets live
          --list-keywords[=csv|all|K]  rule keywords
          --list-app-layer-protos      protocols
          --dump-config                the configuration in force
          --engine-analysis            check rules only
        """);
}
