// The composers of three vendors, each asked the same way: of subgraphs as {name, url, sdl}, for
// {errors, hints, supergraph}.
import * as apollo from "@apollo/composition";
import * as guild from "@theguild/federation-composition";
import * as wundergraph from "@wundergraph/composition";
import { parse } from "graphql";

const parsed = (subgraphs) => subgraphs.map(({ sdl, ...known }) => ({ ...known, typeDefs: parse(sdl) }));

export const COMPOSERS = {
  "@theguild/federation-composition": (subgraphs) => {
    const { errors = [], supergraphSdl } = guild.composeServices(parsed(subgraphs));
    return { errors, hints: [], supergraph: supergraphSdl };
  },
  "@apollo/composition": (subgraphs) => {
    const { errors = [], hints = [], supergraphSdl } = apollo.composeServices(parsed(subgraphs));
    return {
      errors,
      hints: hints.map(({ definition, coordinate, message }) => ({
        code: definition.code,
        coordinate,
        message,
      })),
      supergraph: supergraphSdl,
    };
  },
  "@wundergraph/composition": (subgraphs) => {
    const { errors = [], warnings = [] } = wundergraph.federateSubgraphs({
      subgraphs: parsed(subgraphs).map(({ typeDefs, ...known }) => ({ ...known, definitions: typeDefs })),
      version: wundergraph.LATEST_ROUTER_COMPATIBILITY_VERSION,
    });
    return {
      errors,
      hints: warnings.map(({ name, message }) => ({ code: name, coordinate: "", message })),
    };
  },
};
