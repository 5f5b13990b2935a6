using StragglerGuard.Evaluation.Printing;

namespace StragglerGuard.Evaluation;

/// <summary>Figures that belong together.</summary>
internal interface IFigureGroup
{
    /// <summary>Its name on the command line.</summary>
    string Name { get; }

    /// <summary>What it measures, in a few words.</summary>
    string Summary { get; }

    /// <summary>Measures.</summary>
    /// <param name="data">The folder of recorded jobs; it may be missing.</param>
    /// <param name="isQuick">Whether fewer and smaller fleets will do.</param>
    IEnumerable<Figure> Measure(string data, bool isQuick);
}
