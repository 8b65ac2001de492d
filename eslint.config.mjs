/* What the page's modules must not do. How they are laid out on the line is left to the eye. */
import js from '@eslint/js';
import globals from 'globals';

const MARKUP = 'Text becomes text (textContent, setText), elements come from el(): markup from strings runs what it is told.';
const STYLE = 'The content security policy forbids inline styles: set a class, a data attribute or a custom property.';

/** Properties by which a string becomes markup or a style, and calls that do the same. */
const MARKUP_PROPERTIES = ['innerHTML', 'outerHTML', 'srcdoc'].map((name) => ({
  selector: `:matches(MemberExpression[property.name='${name}'], MemberExpression[property.value='${name}'], Property[key.name='${name}'])`,
  message: MARKUP,
}));
const MARKUP_CALLS = ['insertAdjacentHTML', 'setHTMLUnsafe', 'parseHTMLUnsafe', 'createContextualFragment', 'parseFromString'].map((name) => ({
  selector: `MemberExpression[property.name='${name}']`,
  message: MARKUP,
}));
const HANDLERS = [{
  selector: "CallExpression[callee.property.name='setAttribute'][arguments.0.value=/^on/i]",
  message: 'The content security policy forbids inline scripts: addEventListener takes a function.',
}];
const STYLES = [
  "AssignmentExpression[left.type='MemberExpression'][left.property.name='style']",
  "AssignmentExpression[left.object.type='MemberExpression'][left.object.property.name='style']",
  "MemberExpression[property.value='style']",
  "CallExpression[callee.property.name='setAttribute'][arguments.0.value='style']",
  "CallExpression[callee.property.name='setProperty']:not([arguments.0.value=/^--/])",
  "Property[key.name='style']",
  "CallExpression[callee.property.name='createElement'][arguments.0.value='style']",
].map((selector) => ({ selector, message: STYLE }));

export default [
  js.configs.recommended,
  {
    files: ['static/bourse/js/**/*.js'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-script-url': 'error',
      'no-restricted-syntax': ['error', ...MARKUP_PROPERTIES, ...MARKUP_CALLS, ...HANDLERS, ...STYLES],
      'no-restricted-properties': ['error', ...['write', 'writeln'].map((property) => ({ object: 'document', property, message: MARKUP }))],
      'no-restricted-globals': ['error', 'event', 'name', 'alert', 'confirm', 'prompt'],
      'no-console': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_+$', destructuredArrayIgnorePattern: '^_' }],
      'no-var': 'error',
      'prefer-const': 'error',
      eqeqeq: 'error',
      'no-shadow': ['error', { builtinGlobals: false }],
      'no-param-reassign': 'off',
      'consistent-return': 'off',
      'no-return-assign': 'off',
      'object-shorthand': 'error',
      'prefer-template': 'error',
      'no-promise-executor-return': 'off',
      'max-lines': ['error', { max: 400, skipComments: true }],
      'max-len': ['error', { code: 200 }],
    },
  },
  {
    files: ['static/bourse/js/early.js', 'static/bourse/js/office/colours.js'],
    languageOptions: { sourceType: 'script' },
  },
];
