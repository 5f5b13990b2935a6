namespace MixedFleet.CommandLine;

/// <summary>What carries reports up and plans down.</summary>
internal enum FabricChoice
{
    /// <summary>The guardian is a part of the launcher.</summary>
    InProcess = 0,

    /// <summary>Guardians are processes of their own, several that stand in for each other: an Akka.NET cluster.</summary>
    Akka = 1,
}
